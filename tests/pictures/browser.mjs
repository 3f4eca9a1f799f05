// Chromium without a window, driven over a pipe: no port that anybody else could reach.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--remote-debugging-pipe',
];
// Tall enough for all: tables draw themselves only where they are seen.
const VIEWPORT = 8000;
// So many pixels of the picture for one of the page.
const SHARPNESS = 1.25;

export class Browser {
  #process;
  #folder;
  #page;
  #session;
  #calls = new Map();
  #read = '';

  /** A browser that draws with this bundle. */
  static async start(bundle) {
    const browser = new Browser();
    browser.#folder = await mkdtemp(join(tmpdir(), 'pictures-'));
    browser.#page = join(browser.#folder, 'page.html');
    const source = pathToFileURL(bundle).href;
    const style = source.replace(/js$/, 'css');
    const head = `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="${style}">`;
    const body = `<body style="margin: 0"><div id="root"></div><script src="${source}"></script>`;
    await writeFile(browser.#page, head + body);
    const flags = [...FLAGS, `--user-data-dir=${join(browser.#folder, 'profile')}`];
    const process = spawn('chromium', flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    browser.#process = process;
    process.stdio[4].setEncoding('utf8').on('data', (text) => browser.#hear(text));
    process.on('exit', (code) => browser.#calls.forEach(({ fail }) => fail(new Error(`chromium ended with ${code}`))));
    const { targetId } = await browser.#ask('Target.createTarget', { url: 'about:blank' });
    const attached = await browser.#ask('Target.attachToTarget', { targetId, flatten: true });
    browser.#session = attached.sessionId;
    await browser.#ask('Page.enable');
    return browser;
  }

  /** Draws a view and gives the picture. */
  async draw(view) {
    const source = `window.view = ${JSON.stringify(view)}; window.grafanaBootData = { settings: {}, user: {} };`;
    const script = await this.#ask('Page.addScriptToEvaluateOnNewDocument', { source });
    const size = (height) => ({ width: view.width, height, deviceScaleFactor: SHARPNESS, mobile: false });
    await this.#ask('Emulation.setDeviceMetricsOverride', size(VIEWPORT));
    await this.#ask('Page.navigate', { url: pathToFileURL(this.#page).href });
    const waited = { expression: DRAWN, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.#ask('Runtime.evaluate', waited);
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    const { height, problems } = result.value;
    if (problems.length > 0) {
      throw new Error(problems.join('\n'));
    }
    await this.#ask('Page.removeScriptToEvaluateOnNewDocument', { identifier: script.identifier });
    const clip = { x: 0, y: 0, width: view.width, height, scale: 1 };
    const { data } = await this.#ask('Page.captureScreenshot', { format: 'png', clip, captureBeyondViewport: true });
    return Buffer.from(data, 'base64');
  }

  /** Ends it and takes its files away. */
  async end() {
    if (this.#process.pid && this.#process.exitCode === null) {
      const gone = new Promise((done) => this.#process.once('exit', done));
      await this.#ask('Browser.close').catch(() => this.#process.kill());
      await gone;
    }
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #ask(method, params = {}) {
    const id = this.#calls.size + 1;
    const message = { id, method, params, sessionId: this.#session };
    return new Promise((done, fail) => {
      this.#calls.set(id, { done, fail });
      this.#process.stdio[3].write(`${JSON.stringify(message)}\0`);
    });
  }

  #hear(text) {
    const messages = (this.#read + text).split('\0');
    this.#read = messages.pop();
    for (const { id, result, error } of messages.map((message) => JSON.parse(message))) {
      const call = this.#calls.get(id);
      if (error) {
        call.fail(new Error(error.message));
      } else {
        call?.done(result);
      }
    }
  }
}

// The page is there when its own promise is: navigation answers before the script ran.
const DRAWN = `(async () => {
  const late = Date.now() + 60000;
  while (!window.drawn) {
    if (Date.now() > late) throw new Error('the page did not begin to draw');
    await new Promise((done) => setTimeout(done, 50));
  }
  return window.drawn;
})()`;
