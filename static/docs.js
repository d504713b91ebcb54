// Starts Swagger UI on /docs. A file of its own: the page's policy allows no inline script.
(() => {
  const place = document.getElementById("swagger-ui");
  window.SwaggerUIBundle({
    url: place.dataset.url,
    domNode: place,
    deepLinking: true,
    validatorUrl: null, // the default would send the document to a server elsewhere
    persistAuthorization: false,
    defaultModelsExpandDepth: 0,
    defaultModelExpandDepth: 3,
    presets: [window.SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
  });
})();
