// Takes the screenshots of the status page in docs/: of a cluster whose faults come and go.
//   status_page.mjs LAB EXPORTER FOLDER
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Chromium } from '../browser/chromium.mjs';
import { MINUTE, atEnd, log, startDemo, until, withCleanup } from './processes.mjs';

// The faults of the broken cluster: a demo command, and the minutes until the next one.
const FAULTS = [
  ['castai token-invalid', 1], ['heal', 2], ['apiserver tls-hang', 1], ['heal', 2], ['ec2 denied-scp', 2], ['castai tls-hang', 1],
];
const PICTURES = [
  { file: 'status-page', theme: 'light', width: 1280, height: 1400, open: null },
  { file: 'status-page-details', theme: 'dark', width: 1280, height: 900, open: 'ec2_api' },
  { file: 'status-page-phone', theme: 'light', width: 390, height: 1500, open: null },
];
const TIMEOUT = 3 * MINUTE;

const [lab, exporter, folder] = process.argv.slice(2);

await withCleanup(async () => {
  const demo = await startDemo('broken', lab, exporter);
  const status = async () => (await fetch(`http://${demo.address}/api/v1/status`)).json();
  await until('the healthy agent', TIMEOUT, async () => {
    const { summary } = await status();
    return summary.unknown + summary.failing + summary.warning === 0;
  });
  await sleep(2 * MINUTE);
  for (const [command, minutes] of FAULTS) {
    log(command);
    await demo.send(command);
    await sleep(minutes * MINUTE);
  }
  await until('two root causes', TIMEOUT, async () => (await status()).root_causes.length === 2);

  const browser = await Chromium.start();
  atEnd(() => browser.close());
  for (const { file, theme, width, height, open } of PICTURES) {
    await browser.emulate({ width, height, media: { 'prefers-color-scheme': theme } });
    await browser.open(`http://${demo.address}/${open ? `#check-${open}` : ''}`);
    const top = open ? await browser.evaluate(`(document.getElementById('check-${open}').open = true, scrollTo(0, 0),
      Math.floor(document.getElementById('check-${open}').closest('.group').getBoundingClientRect().top) - 16)`) : 0;
    const png = await browser.screenshot(width, height, top);
    await writeFile(join(folder, `${file}.png`), png);
    log(`${join(folder, file)}.png: ${Math.ceil(png.length / 1000)} kB`);
  }
});
