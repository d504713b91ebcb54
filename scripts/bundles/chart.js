// What the charts use of Chart.js: the source of static/vendor/chart.js.

import {
  Chart, LineController, BarController, LineElement, PointElement, BarElement, LinearScale, Decimation, Filler,
} from 'chart.js';

Chart.register(LineController, BarController, LineElement, PointElement, BarElement, LinearScale, Decimation, Filler);
globalThis.Chart = Chart;
