// Takes the dashboard screenshots in docs/. Runs a demo per cluster and a Prometheus with the committed rules, injects
// faults after some minutes, and renders the dashboards from that Prometheus.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser } from './browser.mjs';
import { MINUTE, atEnd, freePort, log, startDemo, stop, until, withCleanup } from './processes.mjs';
import { rows } from './rows.mjs';

// Clusters and the demo commands that inject their faults.
const CLUSTERS = {
  'prod-eu': [],
  'prod-us': ['ec2 denied-scp', 'apiserver tls-hang'],
  staging: ['castai token-invalid'],
};
const PICTURES = [
  { file: 'healthy', dashboard: 'agent-health', cluster: 'prod-eu', rows: 1 },
  { file: 'broken', dashboard: 'agent-health', cluster: 'prod-us', rows: 2 },
  { file: 'fleet', dashboard: 'fleet', rows: 3 },
];
// Duration of the healthy phase, minimum duration of the faults, and timeout for checks and alerts.
const [HEALTHY, BROKEN, TIMEOUT] = [6 * MINUTE, 6 * MINUTE, 15 * MINUTE];
const SCRAPE = 5;
const WIDTH = 1280;
// The panels that each picture shows, which a test compares with the dashboards.
const SHOWN = 'tests/pictures/shown.json';

const [bundle, lab, exporter, folder] = process.argv.slice(2);

await withCleanup(take);

async function take() {
  const demos = {};
  for (const cluster of Object.keys(CLUSTERS)) {
    demos[cluster] = await startDemo(cluster, lab, exporter);
  }
  const prometheus = await startPrometheus(demos);
  const number = async (query) => {
    const response = await (await fetch(`${prometheus}/api/v1/query?${new URLSearchParams({ query })}`)).json();
    return Number(response.data.result[0]?.value[1] ?? NaN);
  };
  const unhealthy = 'count(group by (cluster, check) (castai_health_check_status))'
    + ' - count(castai_health_check_status{status=~"ok|not_applicable"} == 1)';
  await until('every check of every cluster is healthy', TIMEOUT, async () => (await number(unhealthy)) === 0);
  const from = Date.now();
  log(`all checks are healthy; recording ${HEALTHY / MINUTE} minutes`);
  await sleep(HEALTHY);
  const faults = Object.entries(CLUSTERS).flatMap(([cluster, lines]) => lines.map((line) => [cluster, line]));
  for (const [cluster, line] of faults) {
    await demos[cluster].send(line);
    // Staggered, so that the screenshots show them separately.
    await sleep(MINUTE / 2);
  }
  const injected = Date.now();
  log(`faults injected; recording at least ${BROKEN / MINUTE} minutes, until every fault has an alert`);
  const firing = 'count(ALERTS{alertstate="firing",alertname!~"CastaiHealth.*"})';
  await until('every fault has an alert', TIMEOUT, async () => (await number(firing)) >= faults.length);
  await sleep(Math.max(0, injected + BROKEN - Date.now()));
  const healthyAlerts = await number('count(ALERTS{alertstate="firing",severity!="none",cluster="prod-eu"})');
  if (healthyAlerts > 0) {
    throw new Error('the healthy cluster has alerts');
  }

  const browser = await Browser.start(bundle);
  atEnd(() => browser.close());
  const shown = {};
  for (const picture of PICTURES) {
    const dashboard = JSON.parse(await readFile(`dashboards/${picture.dashboard}.json`, 'utf8'));
    const all = dashboard.templating.list.filter(({ allValue }) => allValue).map(({ name, allValue }) => [name, allValue]);
    const selected = picture.cluster ? { cluster: picture.cluster } : {};
    const png = await browser.screenshot({
      dashboard, prometheus, selected, rows: picture.rows, width: WIDTH, scrape: SCRAPE,
      from: Math.floor(from / 1000), to: Math.floor(Date.now() / 1000),
      variables: { ...Object.fromEntries(all), ...selected },
    });
    await writeFile(join(folder, `${picture.file}.png`), png);
    log(`${join(folder, picture.file)}.png: ${Math.ceil(png.length / 1000)} kB`);
    shown[picture.file] = { dashboard: picture.dashboard, panels: panels(dashboard, picture.rows) };
  }
  await writeFile(SHOWN, `${JSON.stringify(shown, null, 2)}\n`);
}

/** Returns type, title and a digest of the queries of each panel in the first rows. */
function panels(dashboard, count) {
  return rows(dashboard, count).flatMap((row) => row.panels).map(({ type, title, targets = [] }) => {
    const queries = targets.map(({ expr }) => expr).join('\n');
    return `${type} ${title} ${createHash('sha256').update(queries).digest('hex').slice(0, 12)}`;
  });
}

/** Starts a Prometheus that scrapes all exporters. Returns its URL. */
async function startPrometheus(demos) {
  const directory = await mkdtemp(join(tmpdir(), 'pictures-'));
  atEnd(() => rm(directory, { recursive: true, force: true }));
  const interval = `${SCRAPE}s`;
  const configuration = {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: [resolve('alerts/rules/*.yaml')],
    scrape_configs: [{
      job_name: 'castai-health-exporter',
      static_configs: Object.entries(demos).map(([cluster, { address }]) => (
        { targets: [address], labels: { cluster, namespace: 'castai-agent' } }
      )),
    }],
  };
  const file = join(directory, 'prometheus.yaml');
  await writeFile(file, JSON.stringify(configuration));
  const address = `127.0.0.1:${await freePort()}`;
  const data = join(directory, 'data');
  const flags = [`--config.file=${file}`, `--storage.tsdb.path=${data}`, `--web.listen-address=${address}`];
  const program = spawn('prometheus', flags, { stdio: 'ignore' });
  atEnd(() => stop(program, () => program.kill()));
  const url = `http://${address}`;
  await until('Prometheus is ready', MINUTE, async () => (await fetch(`${url}/-/ready`)).ok);
  return url;
}
