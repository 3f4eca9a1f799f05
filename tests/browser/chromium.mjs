// Headless Chromium, controlled over a pipe instead of a port, which other users could reach.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--hide-scrollbars', '--remote-debugging-pipe',
];

export class Chromium {
  #process;
  #session;
  #calls = new Map();
  #listeners = new Map();
  #problems = [];
  #buffer = '';

  /** Starts a browser with one empty page. */
  static async start() {
    const browser = new Chromium();
    browser.folder = await mkdtemp(join(tmpdir(), 'chromium-'));
    const flags = [...FLAGS, `--user-data-dir=${join(browser.folder, 'profile')}`];
    const process = spawn('chromium', flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    browser.#process = process;
    process.stdio[4].setEncoding('utf8').on('data', (text) => browser.#receive(text));
    process.on('error', (error) => browser.#calls.forEach(({ fail }) => fail(error)));
    process.on('exit', (code) => browser.#calls.forEach(({ fail }) => fail(new Error(`chromium exited with code ${code}`))));
    const { targetId } = await browser.call('Target.createTarget', { url: 'about:blank' });
    const attached = await browser.call('Target.attachToTarget', { targetId, flatten: true });
    browser.#session = attached.sessionId;
    await browser.call('Page.enable');
    await browser.call('Log.enable');
    await browser.call('Runtime.enable');
    return browser;
  }

  /** Sets the size of the window in CSS pixels, and `media`: features such as the colour scheme. */
  async emulate({ width, height, scale = 1, media = {} }) {
    await this.call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: scale, mobile: false });
    const features = Object.entries(media).map(([name, value]) => ({ name, value }));
    await this.call('Emulation.setEmulatedMedia', { features });
  }

  /** Opens a page and waits until it has loaded. */
  async open(url) {
    // Otherwise a URL that differs in its fragment only would not load the page again.
    await this.#navigate('about:blank');
    await this.#navigate(url);
  }

  async #navigate(url) {
    const loaded = this.#event('Page.loadEventFired');
    const { errorText } = await this.call('Page.navigate', { url });
    if (errorText) {
      throw new Error(`${url}: ${errorText}`);
    }
    await loaded;
  }

  /** Evaluates an expression in the page; waits for a promise. */
  async evaluate(expression) {
    const waited = { expression, awaitPromise: true, returnByValue: true, userGesture: true };
    const { result, exceptionDetails } = await this.call('Runtime.evaluate', waited);
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    return result.value;
  }

  /** Returns a PNG of the page from its left edge. */
  async screenshot(width, height, top = 0) {
    const clip = { x: 0, y: top, width, height, scale: 1 };
    const { data } = await this.call('Page.captureScreenshot', { format: 'png', clip, captureBeyondViewport: true });
    return Buffer.from(data, 'base64');
  }

  /** Returns the errors since the last call: of scripts, of the network and of the content security policy. */
  takeProblems() {
    return this.#problems.splice(0);
  }

  /** Calls a method of the DevTools protocol. */
  call(method, params = {}) {
    const id = this.#calls.size + 1;
    const message = { id, method, params, sessionId: this.#session };
    return new Promise((done, fail) => {
      this.#calls.set(id, { done, fail });
      this.#process.stdio[3].write(`${JSON.stringify(message)}\0`);
    });
  }

  /** Closes the browser and removes its files. */
  async close() {
    if (this.#process.pid && this.#process.exitCode === null) {
      const gone = new Promise((done) => this.#process.once('exit', done));
      await this.call('Browser.close').catch(() => this.#process.kill());
      await gone;
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #note(method, params) {
    if (method === 'Log.entryAdded' && params.entry.level === 'error') {
      this.#problems.push(`${params.entry.source}: ${params.entry.text}`);
    } else if (method === 'Runtime.exceptionThrown') {
      this.#problems.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    }
  }

  #event(method) {
    return new Promise((done) => this.#listeners.set(method, done));
  }

  #receive(text) {
    const messages = (this.#buffer + text).split('\0');
    this.#buffer = messages.pop();
    for (const { id, method, params, result, error } of messages.map((message) => JSON.parse(message))) {
      const call = this.#calls.get(id);
      if (method) {
        this.#note(method, params);
        this.#listeners.get(method)?.(params);
        this.#listeners.delete(method);
      } else if (error) {
        call?.fail(new Error(error.message));
      } else {
        call?.done(result);
      }
    }
  }
}
