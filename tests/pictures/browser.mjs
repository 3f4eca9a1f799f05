// Renders dashboards in Chromium.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Chromium } from '../browser/chromium.mjs';

// Tall enough for every dashboard: tables only render their visible rows.
const VIEWPORT_HEIGHT = 8000;
// Screenshot pixels per CSS pixel.
const SCALE_FACTOR = 1.25;

export class Browser {
  #chromium;
  #page;

  /** Starts a browser with a page that loads `bundle`. */
  static async start(bundle) {
    const browser = new Browser();
    browser.#chromium = await Chromium.start();
    browser.#page = join(browser.#chromium.folder, 'page.html');
    const source = pathToFileURL(bundle).href;
    const style = source.replace(/js$/, 'css');
    const head = `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="${style}">`;
    const body = `<body style="margin: 0"><div id="root"></div><script src="${source}"></script>`;
    await writeFile(browser.#page, head + body);
    return browser;
  }

  /** Renders a view and returns a PNG. */
  async screenshot(view) {
    const source = `window.view = ${JSON.stringify(view)}; window.grafanaBootData = { settings: {}, user: {} };`;
    const script = await this.#chromium.call('Page.addScriptToEvaluateOnNewDocument', { source });
    await this.#chromium.emulate({ width: view.width, height: VIEWPORT_HEIGHT, scale: SCALE_FACTOR });
    await this.#chromium.open(pathToFileURL(this.#page).href);
    const { height, problems } = await this.#chromium.evaluate(WAIT_FOR_RENDERING);
    if (problems.length > 0) {
      throw new Error(problems.join('\n'));
    }
    await this.#chromium.call('Page.removeScriptToEvaluateOnNewDocument', { identifier: script.identifier });
    return this.#chromium.screenshot(view.width, height);
  }

  close() {
    return this.#chromium.close();
  }
}

// The page has loaded before its script has rendered, so wait for its promise first.
const WAIT_FOR_RENDERING = `(async () => {
  const deadline = Date.now() + 60000;
  while (!window.rendered) {
    if (Date.now() > deadline) throw new Error('the page did not start to render');
    await new Promise((done) => setTimeout(done, 50));
  }
  return window.rendered;
})()`;
