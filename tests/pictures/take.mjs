// Takes the pictures in docs/: a pretend world for each cluster, the exporter in it, a Prometheus with the committed
// rules over all of them, and after some minutes faults. What is drawn is what Prometheus then answers.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser } from './browser.mjs';

// The clusters, and what breaks in each.
const CLUSTERS = {
  'prod-eu': [],
  'prod-us': ['ec2 denied-scp', 'apiserver tls-hang'],
  staging: ['castai token-invalid'],
};
const PICTURES = [
  { file: 'healthy', dashboard: 'agent-health', cluster: 'prod-eu', rows: 1 },
  { file: 'broken', dashboard: 'agent-health', cluster: 'prod-us', rows: 2 },
  { file: 'fleet', dashboard: 'fleet', rows: 2 },
];
const MINUTE = 60_000;
// All is well for so long, and the faults are to be seen for at least as long; alerts may take longer.
const [WELL, BROKEN, PATIENCE] = [6 * MINUTE, 6 * MINUTE, 15 * MINUTE];
const SCRAPE = 5;
const WIDTH = 1280;

const [bundle, lab, exporter, folder] = process.argv.slice(2);
const endings = [];

try {
  await Promise.race([take(), new Promise((_, fail) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.once(signal, () => fail(new Error(signal)));
    }
    // Such as a program that is not there: what was started has to end all the same.
    process.once('uncaughtException', fail);
  })]);
} catch (error) {
  tell(error.message);
  process.exitCode = 1;
} finally {
  for (const end of endings.reverse()) {
    await end();
  }
}
process.exit();

async function take() {
  const worlds = {};
  for (const cluster of Object.keys(CLUSTERS)) {
    worlds[cluster] = await world(cluster);
  }
  const prometheus = await watching(worlds);
  const number = async (query) => {
    const answer = await (await fetch(`${prometheus}/api/v1/query?${new URLSearchParams({ query })}`)).json();
    return Number(answer.data.result[0]?.value[1] ?? NaN);
  };
  const ill = 'count(group by (cluster, check) (castai_health_check_status))'
    + ' - count(castai_health_check_status{status=~"ok|not_applicable"} == 1)';
  await until('every check of every cluster is well', PATIENCE, async () => (await number(ill)) === 0);
  const from = Date.now();
  tell(`all is well; ${WELL / MINUTE} minutes of that`);
  await sleep(WELL);
  const faults = Object.entries(CLUSTERS).flatMap(([cluster, lines]) => lines.map((line) => [cluster, line]));
  for (const [cluster, line] of faults) {
    await worlds[cluster].say(line);
    // One after the other, so that the picture tells them apart.
    await sleep(MINUTE / 2);
  }
  const broke = Date.now();
  tell(`faults are there; ${BROKEN / MINUTE} minutes of that, and until every fault has its alert`);
  const firing = 'count(ALERTS{alertstate="firing",alertname!~"CastaiHealth.*"})';
  await until('every fault has its alert', PATIENCE, async () => (await number(firing)) >= faults.length);
  await sleep(Math.max(0, broke + BROKEN - Date.now()));
  const told = await number('count(ALERTS{alertstate="firing",severity!="none",cluster="prod-eu"})');
  if (told > 0) {
    throw new Error('the healthy cluster has alerts');
  }

  const browser = await Browser.start(bundle);
  endings.push(() => browser.end());
  for (const picture of PICTURES) {
    const dashboard = JSON.parse(await readFile(`dashboards/${picture.dashboard}.json`, 'utf8'));
    const all = dashboard.templating.list.filter(({ allValue }) => allValue).map(({ name, allValue }) => [name, allValue]);
    const chosen = picture.cluster ? { cluster: picture.cluster } : {};
    const png = await browser.draw({
      dashboard, prometheus, chosen, rows: picture.rows, width: WIDTH, scrape: SCRAPE,
      from: Math.floor(from / 1000), to: Math.floor(Date.now() / 1000),
      variables: { ...Object.fromEntries(all), ...chosen },
    });
    await writeFile(join(folder, `${picture.file}.png`), png);
    tell(`${join(folder, picture.file)}.png: ${Math.ceil(png.length / 1000)} kB`);
  }
}

/** A demo, which obeys lines and ends with us, however we end. */
async function world(cluster) {
  const address = `127.0.0.1:${await freePort()}`;
  const demo = spawn(lab, ['demo', '--exporter', exporter, '--listen', address], { stdio: ['pipe', 'pipe', 'ignore'] });
  endings.push(() => ended(demo, () => demo.stdin.end()));
  let heard = '';
  demo.stdout.setEncoding('utf8').on('data', (text) => (heard += text));
  const says = (what) => until(`${cluster}: ${what}`, MINUTE, async () => heard.includes(what));
  await says('the exporter answers\n');
  const say = (line) => {
    demo.stdin.write(`${line}\n`);
    return says(`done: ${line}\n`);
  };
  return { address, say };
}

/** A Prometheus over all exporters; its address. */
async function watching(worlds) {
  const directory = await mkdtemp(join(tmpdir(), 'pictures-'));
  endings.push(() => rm(directory, { recursive: true, force: true }));
  const every = `${SCRAPE}s`;
  const configuration = {
    global: { scrape_interval: every, scrape_timeout: every, evaluation_interval: every },
    rule_files: [resolve('alerts/rules/*.yaml')],
    scrape_configs: [{
      job_name: 'castai-health-exporter',
      static_configs: Object.entries(worlds).map(([cluster, { address }]) => (
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
  endings.push(() => ended(program, () => program.kill()));
  const url = `http://${address}`;
  await until('Prometheus is ready', MINUTE, async () => (await fetch(`${url}/-/ready`)).ok);
  return url;
}

function tell(text) {
  console.error(`pictures: ${text}`);
}

async function ended(child, end) {
  if (child.pid && child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((done) => child.once('exit', done));
    end();
    await gone;
  }
}

async function until(what, patience, holds) {
  for (const late = Date.now() + patience; !(await holds().catch(() => false)); await sleep(500)) {
    if (Date.now() > late) {
      throw new Error(`in ${patience / MINUTE} minutes it did not come true that ${what}`);
    }
  }
}

/** A port that was free a moment ago. */
function freePort() {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
