// Charts over the server's columns: one crosshair, our own time ticks, a legend in words.
(() => {
'use strict';

const style = getComputedStyle(document.documentElement);
const colour = name => style.getPropertyValue(`--${name}`).trim();
const COLOURS = ['cyan', 'magenta', 'green', 'amber', 'violet', 'blue', 'orange', 'slate'].map(colour);
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3], [12, 4], [4, 4], [1, 4], [10, 2]];

function show(value, unit) {
  if (value === null || value === undefined) return '–';
  if (unit === 'seconds') return value < 1 ? `${(value * 1000).toFixed(value < 0.01 ? 1 : 0)} ms` : `${value.toFixed(1)} s`;
  if (unit === 'bytes') return `${(value / 1048576).toFixed(1)} MiB`;
  return value >= 1000 ? `${(value / 1000).toFixed(1)} k` : String(Math.round(value * 100) / 100);
}

function when(ms, span) {
  const at = new Date(ms);
  return span > 172_800_000 ? at.toLocaleDateString(undefined, {month: 'short', day: 'numeric'})
    : at.toLocaleTimeString(undefined, {hour: '2-digit', minute: '2-digit', hour12: false});
}

function draw(box) {
  const data = JSON.parse(box.querySelector('script').textContent), from = Date.parse(data.from);
  const fallback = box.querySelector('.fallback'), canvas = document.createElement('canvas');
  const span = data.series[0].values.length * data.step_s * 1000, frame = document.createElement('div');
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', fallback.firstElementChild.getAttribute('aria-label'));
  frame.className = 'plot';
  frame.append(canvas);
  fallback.replaceWith(frame);
  const axis = {grid: {color: colour('line')}, border: {display: false}};
  const bar = data.kind === 'bar';
  const alone = (values, n) => (values[n - 1] ?? null) === null && (values[n + 1] ?? null) === null;
  const tint = (name, i) => colour({completed: 'green', failed: 'red', cancelled: 'orange', rolled_back: 'magenta'}[name] ?? '') || COLOURS[i % 8];
  box.chart = new Chart(canvas, {
    type: bar ? 'bar' : 'line',
    data: {datasets: data.series.map((series, i) => ({
      label: series.name, borderColor: tint(series.name, i), borderDash: DASHES[i % 8],
      borderWidth: bar ? 0 : 1.8, pointRadius: series.values.map((_, n) => alone(series.values, n) ? 3 : 0),
      pointHitRadius: 8, backgroundColor: tint(series.name, i) + (bar ? 'cc' : '22'), fill: !bar && data.series.length === 1,
      barThickness: Math.max(2, Math.min(14, 560 / series.values.length)),
      data: series.values.map((y, n) => ({x: from + n * data.step_s * 1000, y})),
    }))},
    options: {
      animation: false, parsing: false, normalized: true, maintainAspectRatio: false,
      interaction: {mode: 'index', intersect: false, axis: 'x'},
      plugins: {
        legend: {display: data.series.length > 1, position: 'bottom', labels: {color: colour('fg-1'), usePointStyle: true, pointStyle: bar ? 'rect' : 'line', boxWidth: 10, boxHeight: 10}},
        decimation: {enabled: !bar, algorithm: 'lttb', samples: 400},
        tooltip: {callbacks: {
          title: items => new Date(items[0].parsed.x).toLocaleString(undefined, {hour12: false}),
          label: item => `${item.dataset.label}: ${show(item.parsed.y, data.unit)}`,
        }},
      },
      scales: {
        x: {type: 'linear', offset: false, stacked: bar, min: from, max: from + span, ...axis, ticks: {maxTicksLimit: 6, maxRotation: 0, color: colour('fg-2'), callback: value => when(value, span)}},
        y: {beginAtZero: true, stacked: bar, ...axis, ticks: {maxTicksLimit: 5, color: colour('fg-2'), callback: value => show(value, data.unit)}},
      },
    },
  });
}

for (const box of document.querySelectorAll('.chart')) draw(box);

// Every 10 s the same page is read again, and its figures are put into the charts that are there.
let read = Date.now();
document.getElementById('live')?.addEventListener('stale-metrics', async () => {
  if (Date.now() - read < 10_000) return;
  read = Date.now();
  const answer = await fetch(location.href, {headers: {Accept: 'text/html'}}).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const boxes = [...page.querySelectorAll('.chart')];
  for (const [i, box] of [...document.querySelectorAll('.chart')].entries()) {
    const text = boxes[i]?.querySelector('script')?.textContent;
    if (!text) return location.reload();
    const data = JSON.parse(text), from = Date.parse(data.from);
    const sets = box.chart.data.datasets, scale = box.chart.options.scales.x;
    if (data.series.length !== sets.length) return location.reload();
    data.series.forEach((series, n) => {
      sets[n].data = series.values.map((y, k) => ({x: from + k * data.step_s * 1000, y}));
    });
    scale.min = from;
    scale.max = from + data.series[0].values.length * data.step_s * 1000;
    box.chart.update('none');
  }
});
})();
