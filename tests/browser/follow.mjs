// Opens a live page, opens a check in it, and waits until the headline changes:
//   follow.mjs URL
// Prints `ready` once it has looked at the page, then what the page looked like before and after, as JSON.
import { Chromium } from './chromium.mjs';

const TIMEOUT = 120_000;
const LOOK = `({
  headline: document.getElementById('headline').dataset.says.replaceAll('\x60', ''),
  title: document.title,
  isOpen: document.getElementById('check-dns').open,
  focus: document.activeElement.closest('details')?.id ?? null,
  announced: window.announced,
  loads: window.loads,
})`;

const [url] = process.argv.slice(2);
const browser = await Chromium.start();
try {
  await browser.emulate({ width: 1024, height: 900 });
  await browser.open(url);
  await browser.evaluate(`window.loads = 1;
    window.announced = [];
    new MutationObserver(() => announced.push(document.getElementById('live').textContent))
      .observe(document.getElementById('live'), { childList: true });
    document.getElementById('check-dns').open = true;
    document.querySelector('#check-dns summary').focus();`);
  const before = await browser.evaluate(LOOK);
  console.log('ready');
  const changed = `${LOOK}.headline !== ${JSON.stringify(before.headline)}`;
  for (const deadline = Date.now() + TIMEOUT; !await browser.evaluate(changed);) {
    if (Date.now() > deadline) {
      throw new Error(`the headline stays: ${before.headline}`);
    }
    // What the page does every few seconds, and when its tab is shown again.
    await browser.evaluate("document.dispatchEvent(new Event('visibilitychange'));"
      + 'new Promise((done) => setTimeout(done, 200))');
  }
  const after = await browser.evaluate(LOOK);
  console.log(JSON.stringify({ before, after, problems: browser.takeProblems() }));
} finally {
  await browser.close();
}
