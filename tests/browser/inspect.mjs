// Opens pages at several widths in both themes and reports what is wrong with them, as JSON:
//   inspect.mjs AXE FOLDER NAME=URL...
// Screenshots go to FOLDER/NAME-THEME-WIDTH.png. Every page is inspected as it is, and with
// everything opened that can be opened.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Chromium } from './chromium.mjs';

const WIDTHS = [360, 1024, 1920];
const THEMES = ['light', 'dark'];
const HEIGHT = 900;
const MAX_PICTURE_HEIGHT = 4000;

const OPEN_ALL = "document.querySelectorAll('details').forEach((details) => (details.open = true))";
// What sticks out although nothing hides or scrolls it.
const OVERFLOW = `[...document.querySelectorAll('body *')]
  .filter((element) => {
    const { right, width } = element.getBoundingClientRect();
    const scrolls = element.closest('pre');
    return width > 1 && right > innerWidth + 1 && (!scrolls || scrolls === element);
  })
  .map((element) => element.outerHTML.slice(0, 120))`;
const AXE_RUN = `axe.run(document, { resultTypes: ['violations', 'incomplete'] }).then(({ violations }) =>
  violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => id + ': ' + target.join(' '))))`;

const [axe, folder, ...pages] = process.argv.slice(2);
const source = await readFile(axe, 'utf8');
const browser = await Chromium.start();
const reports = [];
try {
  for (const page of pages) {
    const [name, url] = page.split(/=(.*)/s);
    for (const width of WIDTHS) {
      for (const theme of THEMES) {
        reports.push(await inspect(name, url, width, theme));
      }
    }
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(reports));

async function inspect(name, url, width, theme) {
  await browser.emulate({ width, height: HEIGHT, media: { 'prefers-color-scheme': theme, 'prefers-reduced-motion': 'reduce' } });
  await browser.open(url);
  const problems = [];
  const look = async (state) => {
    // Of a page that follows the present, only the content changes.
    await browser.evaluate(source);
    const found = [...await browser.evaluate(OVERFLOW), ...await browser.evaluate(AXE_RUN)];
    const wide = await browser.evaluate('document.documentElement.scrollWidth - innerWidth');
    if (wide > 0) {
      found.push(`the page is ${wide} px wider than the window`);
    }
    problems.push(...found.map((problem) => `${state}: ${problem}`));
  };
  await look('closed');
  const height = await browser.evaluate('document.documentElement.scrollHeight');
  const picture = join(folder, `${name}-${theme}-${width}.png`);
  await writeFile(picture, await browser.screenshot(width, Math.min(height, MAX_PICTURE_HEIGHT)));
  await browser.evaluate(OPEN_ALL);
  await look('open');
  problems.push(...browser.takeProblems());
  return { name, width, theme, height, picture, problems };
}
