// Charts over the server's pictures: one crosshair for all, drag to choose a span, live points.
//
// A gap is never zero: points are joined only over steps beside each other. Colours and dashes are
// those of the legend, which is HTML and shows the values under the crosshair.
(() => {
'use strict';

const look = getComputedStyle(document.documentElement), SVG = 'http://www.w3.org/2000/svg';
const colour = name => look.getPropertyValue(`--${name}`).trim() || look.getPropertyValue('--slate').trim();
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3], [12, 4], [4, 4], [1, 4], [10, 2]];
const M = 60_000, H = 60 * M, D = 24 * H, DRAG_PX = 8, FRESH_MS = 10_000;
const TICKS = [M, 2 * M, 5 * M, 10 * M, 15 * M, 30 * M, H, 2 * H, 3 * H, 6 * H, 12 * H, D, 2 * D, 7 * D, 14 * D, 30 * D];
const drawn = new Set();

function show(value, unit) {
  if (value === null || value === undefined) return '–';
  const size = Math.abs(value), fixed = (n, most) => String(Number(n.toFixed(most)));
  if (unit === 'seconds') {
    if (size < 1) return `${fixed(value * 1e3, size < 0.01 ? 1 : 0)} ms`;
    return size < 120 ? `${fixed(value, 1)} s` : size < 7200 ? `${fixed(value / 60, 1)} min` : `${fixed(value / 3600, 1)} h`;
  }
  if (unit === 'bytes') {
    const n = Math.min(3, size < 1 ? 0 : Math.floor(Math.log2(size) / 10));
    return `${fixed(value / 1024 ** n, 1)} ${['B', 'KiB', 'MiB', 'GiB'][n]}`;
  }
  if (unit === 'ratio') return `${fixed(value * 100, 1)} %`;
  if (unit === 'usd') return `$${fixed(value, size < 1 ? 4 : 2)}`;
  for (const [limit, word] of [[1e9, 'G'], [1e6, 'M'], [1e4, 'k']]) {
    if (size >= limit) return `${fixed(value / (word === 'k' ? 1e3 : limit), 1)} ${word}`;
  }
  return fixed(value, size < 10 ? 2 : 1);
}

function when(ms, span) {
  const at = new Date(ms), clock = {hour: '2-digit', minute: '2-digit', hour12: false};
  const day = {month: 'short', day: 'numeric'};
  if (span > 2 * D) return at.toLocaleDateString(undefined, day);
  if (span > 12 * H && at.getHours() + at.getMinutes() === 0) return at.toLocaleDateString(undefined, day);
  return at.toLocaleTimeString(undefined, clock);
}

const nice = n => {
  const whole = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 2.5, 5, 10].find(one => one * whole >= n * 0.999) * whole;
};

// Ticks that people would choose: whole hours and days of theirs, round figures of the unit.
function times(axis) {
  const {min, max} = axis, most = Math.max(2, Math.floor(axis.width / 84));
  const step = TICKS.find(one => (max - min) / one <= most) ?? 60 * D;
  const shift = new Date(min).getTimezoneOffset() * M, found = [];
  for (let at = Math.ceil((min - shift) / step) * step + shift; at <= max; at += step) found.push({value: at});
  axis.ticks = found;
}

function scale(data, hidden) {
  const seen = data.series.filter((_, i) => !hidden.has(i)), all = [];
  if (data.bars) {
    for (let i = 0; i < (seen[0]?.values.length ?? 0); i++) all.push(seen.reduce((sum, one) => sum + (one.values[i] ?? 0), 0));
  } else for (const one of seen) all.push(...one.values, ...(one.earlier ?? []));
  all.push(...data.limits.map(one => one.value * 1.05));
  const known = all.filter(one => one !== null), top = Math.max(0, ...known), low = Math.min(0, ...known);
  const unit = data.unit === 'bytes' ? 1024 ** Math.max(0, Math.floor(Math.log2(Math.max(top, 1)) / 10)) : data.unit === 'seconds' && top > 120 ? (top > 7200 ? 3600 : 60) : 1;
  const raw = ((top - low) || 1) / unit / 4, whole = data.unit === 'count' && known.every(Number.isInteger);
  const step = (whole ? Math.max(1, nice(raw)) : nice(raw)) * unit;
  return {step, max: Math.max(top > low ? step : 4 * step, Math.ceil(top / step - 0.001) * step), min: Math.floor(low / step) * step};
}

const marks = {
  id: 'marks',
  beforeDatasetsDraw(chart) {
    const {ctx, chartArea: area, scales: {x, y}} = chart, {bands, limits, unit} = chart.told;
    ctx.save();
    ctx.beginPath();
    ctx.rect(area.left, area.top, area.width, area.height);
    ctx.clip();
    for (const [begin, end, tone] of bands) {
      const left = x.getPixelForValue(begin), wide = Math.max(2, x.getPixelForValue(end) - left);
      ctx.fillStyle = `${colour(tone)}33`;
      ctx.fillRect(left, area.top, wide, area.height);
    }
    ctx.font = '11px system-ui';
    for (const one of limits) {
      const at = y.getPixelForValue(one.value);
      ctx.strokeStyle = ctx.fillStyle = colour(one.tone);
      ctx.setLineDash([6, 4]);
      ctx.beginPath();
      ctx.moveTo(area.left, at);
      ctx.lineTo(area.right, at);
      ctx.stroke();
      ctx.fillText(`${one.name} ${show(one.value, unit)}`, area.left + 6, at - 5 < area.top + 10 ? at + 13 : at - 5);
    }
    ctx.restore();
  },
};

function sets(data, hidden) {
  const bar = data.bars, middle = bar ? 0 : data.step / 2, found = [];
  const points = values => values.map((y, i) => ({x: data.from + i * data.step + (bar ? data.step / 2 : middle), y}));
  const alone = (values, i) => (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null;
  data.series.forEach((one, i) => {
    const tint = colour(one.tone);
    found.push({
      label: one.name, data: points(one.values), hidden: hidden.has(i), borderColor: tint,
      borderDash: DASHES[i % 8], borderWidth: bar ? 0 : 1.8, borderRadius: bar ? 2 : 0,
      backgroundColor: tint + (bar ? 'cc' : '1f'), fill: !bar && data.series.length === 1,
      pointRadius: one.values.map((_, n) => alone(one.values, n) ? 3 : 0), pointBackgroundColor: tint,
      clip: 4, barPercentage: 0.9, categoryPercentage: 1, stack: 'now', tension: 0,
    });
    if (one.earlier) {
      found.push({
        label: `${one.name}, before`, data: points(one.earlier), hidden: hidden.has(i), type: 'line',
        borderColor: `${tint}99`, borderDash: [2, 4], borderWidth: 1.4, pointRadius: one.earlier.map((_, n) => alone(one.earlier, n) ? 2 : 0),
        pointBackgroundColor: `${tint}99`, fill: false, stack: `before ${i}`,
      });
    }
  });
  return found;
}

class Panel {
  constructor(box) {
    this.box = box;
    this.data = JSON.parse(box.querySelector('script').textContent);
    this.hidden = new Set();
    const plot = box.querySelector('.plot'), canvas = document.createElement('canvas');
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', plot.firstElementChild.getAttribute('aria-label'));
    plot.replaceChildren(canvas);
    this.over = document.createElementNS(SVG, 'svg');
    this.over.setAttribute('class', 'over');
    this.over.setAttribute('aria-hidden', 'true');
    plot.append(this.over);
    box.classList.add('drawn');
    this.legend();
    this.draw(canvas);
    this.watch(canvas);
    drawn.add(this);
  }

  get span() { return this.data.step * Math.max(1, ...this.data.series.map(one => one.values.length)); }

  legend() {
    this.list = this.box.parentElement.querySelector('.legend');
    this.instant = this.box.parentElement.querySelector('.instant');
    for (const [i, row] of [...this.list.children].entries()) {
      const key = row.querySelector('.key'), button = document.createElement('button');
      button.type = 'button';
      button.className = 'key';
      button.setAttribute('aria-pressed', String(!this.hidden.has(i)));
      button.append(...key.childNodes);
      key.replaceWith(button);
      button.addEventListener('click', () => {
        this.hidden[this.hidden.has(i) ? 'delete' : 'add'](i);
        button.setAttribute('aria-pressed', String(!this.hidden.has(i)));
        this.redraw();
      });
    }
    this.lasts = [...this.list.querySelectorAll('output')].map(one => one.textContent);
  }

  draw(canvas) {
    const {data} = this, axis = {border: {display: false}}, ink = colour('fg-2'), y = scale(data, this.hidden);
    this.chart = new Chart(canvas, {
      type: data.bars ? 'bar' : 'line',
      data: {datasets: sets(data, this.hidden)},
      plugins: [{id: 'told', beforeInit: chart => { chart.told = data; }}, marks],
      options: {
        animation: false, parsing: false, normalized: true, maintainAspectRatio: false, spanGaps: false,
        interaction: {mode: 'index', intersect: false, axis: 'x'},
        plugins: {
          legend: {display: false},
          decimation: {enabled: !data.bars, algorithm: 'lttb', samples: 400},
          tooltip: {enabled: false},
        },
        scales: {
          x: {type: 'linear', offset: false, stacked: data.bars, min: data.from, max: data.from + this.span, afterBuildTicks: times, ...axis,
            grid: {display: false}, ticks: {maxRotation: 0, autoSkip: false, color: ink, font: {size: 11}, callback: value => when(value, this.span)}},
          y: {stacked: data.bars, min: y.min, max: y.max, ...axis, grid: {color: colour('line')},
            ticks: {stepSize: y.step, color: ink, font: {size: 11}, callback: value => show(value, data.unit)}},
        },
      },
    });
  }

  redraw() {
    const {chart, data} = this, y = scale(data, this.hidden), {x: across, y: up} = chart.options.scales;
    chart.told = data;
    chart.data.datasets = sets(data, this.hidden);
    Object.assign(across, {min: data.from, max: data.from + this.span});
    Object.assign(up, {min: y.min, max: y.max});
    up.ticks.stepSize = y.step;
    chart.update('none');
  }

  at(event) {
    return this.chart.scales.x.getValueForPixel(event.clientX - this.chart.canvas.getBoundingClientRect().left);
  }

  // The crosshair of all charts follows the pointer over any of them.
  point(ms) {
    const {data} = this, i = Math.floor((ms - data.from) / data.step), {chartArea: area, scales: {x}} = this.chart;
    const inside = ms !== null && i >= 0 && i * data.step < this.span, outputs = this.list.querySelectorAll('output');
    this.over.querySelector('line')?.remove();
    this.instant.textContent = '';
    if (inside) {
      const line = document.createElementNS(SVG, 'line'), px = x.getPixelForValue(data.from + (i + 0.5) * data.step);
      for (const [name, value] of Object.entries({x1: px, x2: px, y1: area.top, y2: area.bottom})) line.setAttribute(name, value);
      this.over.append(line);
      this.instant.textContent = new Date(data.from + i * data.step).toLocaleString(undefined, {dateStyle: 'medium', timeStyle: data.step < M ? 'medium' : 'short', hour12: false});
    }
    data.series.forEach((one, n) => { if (outputs[n]) outputs[n].textContent = inside ? show(one.values[i], data.unit) : this.lasts[n]; });
  }

  watch(canvas) {
    let from = null, rect = null;
    const over = ms => { for (const one of drawn) one.point(ms); };
    const left = event => event.clientX - canvas.getBoundingClientRect().left;
    const done = () => { from = null; rect?.remove(); rect = null; };
    canvas.addEventListener('pointermove', event => {
      over(this.at(event));
      if (from === null || Math.abs(left(event) - from) < DRAG_PX) return;
      if (!rect) this.over.append(rect = document.createElementNS(SVG, 'rect'));
      const {top, height} = this.chart.chartArea;
      const told = {x: Math.min(from, left(event)), y: top, height, width: Math.abs(left(event) - from)};
      for (const [name, value] of Object.entries(told)) rect.setAttribute(name, value);
    });
    canvas.addEventListener('pointerleave', () => { over(null); });
    canvas.addEventListener('pointerdown', event => {
      if (event.pointerType !== 'mouse' || event.button || !document.getElementById('custom')) return;
      from = left(event);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointercancel', done);
    canvas.addEventListener('pointerup', event => {
      const chosen = rect && [from, left(event)].map(px => this.chart.scales.x.getValueForPixel(px)).sort((a, b) => a - b);
      done();
      if (chosen) choose(...chosen);
    });
  }

  // The same panel, read again: its figures go into the chart that is there.
  take(section) {
    const text = section?.querySelector('script')?.textContent;
    if (!text) return false;
    const data = JSON.parse(text);
    if (data.series.map(one => one.name).join() !== this.data.series.map(one => one.name).join()) return false;
    this.data = data;
    this.lasts = [...section.querySelectorAll('.legend output')].map(one => one.textContent);
    [...this.list.querySelectorAll('output')].forEach((one, i) => { one.textContent = this.lasts[i]; });
    this.chart.canvas.setAttribute('aria-label', section.querySelector('.series').getAttribute('aria-label'));
    const table = this.box.parentElement.querySelector('tbody'), fresh = section.querySelector('tbody');
    if (table && fresh) table.replaceWith(document.adoptNode(fresh));
    this.redraw();
    return true;
  }
}

function drawAll(root) {
  for (const one of drawn) if (!one.chart.canvas.isConnected) { one.chart.destroy(); drawn.delete(one); }
  for (const box of root.querySelectorAll('.chart:not(.drawn)')) new Panel(box);
}

// A span that was dragged: at least a minute, in the address like any other.
function choose(begin, end) {
  const url = new URL(location.href), wide = Math.max(end - begin, M);
  url.searchParams.delete('range');
  url.searchParams.set('from', new Date(begin).toISOString());
  url.searchParams.set('to', new Date(begin + wide).toISOString());
  location.assign(url);
}

// Fields for date and time say what the clock of the viewer says; without a script they are UTC.
const custom = document.getElementById('custom');
if (custom) {
  const fields = [...custom.querySelectorAll('[type=datetime-local]')];
  for (const field of fields) {
    const at = new Date(`${field.value}Z`);
    field.value = new Date(at - at.getTimezoneOffset() * M).toISOString().slice(0, 16);
  }
  document.getElementById('zone').textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
  custom.addEventListener('formdata', event => {
    for (const field of fields) if (field.value) event.formData.set(field.name, new Date(field.value).toISOString());
  });
}

drawAll(document);
document.addEventListener('htmx:after:swap', () => drawAll(document));

const charts = document.getElementById('charts'), live = document.getElementById('live');
let read = Date.now();
async function freshen() {
  if (!charts?.dataset.fresh || Date.now() - read < FRESH_MS) return;
  read = Infinity;  // one at a time
  const answer = await fetch(charts.dataset.fresh, {headers: {'HX-Request': 'true', 'X-Again': 'yes'}}).catch(() => null);
  const text = answer?.ok ? await answer.text().catch(() => '') : '';
  read = Date.now();
  if (!text) return;
  const page = new DOMParser().parseFromString(text, 'text/html');
  for (const section of charts.querySelectorAll('.panel')) {
    const fresh = page.getElementById(section.id), box = section.querySelector('.chart');
    const panel = [...drawn].find(one => one.box === box);
    if (!fresh || panel?.take(fresh) || (!panel && !fresh.querySelector('.chart'))) continue;
    section.replaceWith(document.adoptNode(fresh));
    drawAll(document);
  }
}
for (const name of ['stale-metrics', 'resync', 'poll']) live?.addEventListener(name, freshen);
})();
