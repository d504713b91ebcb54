// Starts Swagger UI on /docs. A file of its own: the page's policy allows no inline script.
(() => {
  const root = document.documentElement, place = document.getElementById("swagger-ui");
  if (root.dataset.theme === "system") { // Swagger UI has a class where others ask the system
    const system = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => root.classList.toggle("dark-mode", system.matches);
    system.addEventListener("change", follow);
    follow();
  }
  window.SwaggerUIBundle({
    url: place.dataset.url,
    domNode: place,
    deepLinking: true,
    validatorUrl: null, // the default would send the document to a server elsewhere
    persistAuthorization: false,
    defaultModelsExpandDepth: 0,
    defaultModelExpandDepth: 3,
    docExpansion: "list",
    filter: true,
    tryItOutEnabled: true,
    requestInterceptor: request => { // a browser that is signed in has to show that it is this page
      if (place.dataset.token) request.headers["X-CSRF-Token"] = place.dataset.token;
      return request;
    },
    presets: [window.SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
  });
})();
