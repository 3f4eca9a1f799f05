// Headless Chromium, controlled over a pipe instead of a port, which other users could reach.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--remote-debugging-pipe',
];
// Tall enough for every dashboard: tables only render their visible rows.
const VIEWPORT_HEIGHT = 8000;
// Screenshot pixels per CSS pixel.
const SCALE_FACTOR = 1.25;

export class Browser {
  #process;
  #folder;
  #page;
  #session;
  #calls = new Map();
  #buffer = '';

  /** Starts a browser with a page that loads `bundle`. */
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
    process.stdio[4].setEncoding('utf8').on('data', (text) => browser.#receive(text));
    process.on('exit', (code) => browser.#calls.forEach(({ fail }) => fail(new Error(`chromium exited with code ${code}`))));
    const { targetId } = await browser.#call('Target.createTarget', { url: 'about:blank' });
    const attached = await browser.#call('Target.attachToTarget', { targetId, flatten: true });
    browser.#session = attached.sessionId;
    await browser.#call('Page.enable');
    return browser;
  }

  /** Renders a view and returns a PNG. */
  async screenshot(view) {
    const source = `window.view = ${JSON.stringify(view)}; window.grafanaBootData = { settings: {}, user: {} };`;
    const script = await this.#call('Page.addScriptToEvaluateOnNewDocument', { source });
    const size = (height) => ({ width: view.width, height, deviceScaleFactor: SCALE_FACTOR, mobile: false });
    await this.#call('Emulation.setDeviceMetricsOverride', size(VIEWPORT_HEIGHT));
    await this.#call('Page.navigate', { url: pathToFileURL(this.#page).href });
    const waited = { expression: WAIT_FOR_RENDERING, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.#call('Runtime.evaluate', waited);
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    const { height, problems } = result.value;
    if (problems.length > 0) {
      throw new Error(problems.join('\n'));
    }
    await this.#call('Page.removeScriptToEvaluateOnNewDocument', { identifier: script.identifier });
    const clip = { x: 0, y: 0, width: view.width, height, scale: 1 };
    const { data } = await this.#call('Page.captureScreenshot', { format: 'png', clip, captureBeyondViewport: true });
    return Buffer.from(data, 'base64');
  }

  /** Closes the browser and removes its files. */
  async close() {
    if (this.#process.pid && this.#process.exitCode === null) {
      const gone = new Promise((done) => this.#process.once('exit', done));
      await this.#call('Browser.close').catch(() => this.#process.kill());
      await gone;
    }
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #call(method, params = {}) {
    const id = this.#calls.size + 1;
    const message = { id, method, params, sessionId: this.#session };
    return new Promise((done, fail) => {
      this.#calls.set(id, { done, fail });
      this.#process.stdio[3].write(`${JSON.stringify(message)}\0`);
    });
  }

  #receive(text) {
    const messages = (this.#buffer + text).split('\0');
    this.#buffer = messages.pop();
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

// Navigation completes before the script has run, so wait for its promise first.
const WAIT_FOR_RENDERING = `(async () => {
  const deadline = Date.now() + 60000;
  while (!window.rendered) {
    if (Date.now() > deadline) throw new Error('the page did not start to render');
    await new Promise((done) => setTimeout(done, 50));
  }
  return window.rendered;
})()`;
