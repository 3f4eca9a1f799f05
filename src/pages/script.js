// Optional: keeps the page current without reloading it, and copies commands.
(() => {
  const SECONDS = 10;
  const page = document.documentElement;
  const main = document.getElementById('main');
  const live = document.getElementById('live');
  const pause = document.querySelector('.pause');
  const version = (of) => of.querySelector('meta[name=generator]').content;
  const headline = (of) => of.getElementById('headline').dataset.says.replaceAll('`', '');
  let paused = false;
  page.classList.add('scripted');

  document.addEventListener('click', async ({ target }) => {
    if (!target.classList?.contains('copy')) return;
    const code = target.previousElementSibling;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // Browsers offer the clipboard to https and localhost only.
      getSelection().selectAllChildren(code);
      document.execCommand('copy');
      // A selection pauses updates.
      getSelection().removeAllRanges();
    }
    target.textContent = 'Copied';
    setTimeout(() => (target.textContent = 'Copy'), 2000);
  });

  const openTarget = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const details = target?.closest('details');
    if (details) {
      details.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener('hashchange', openTarget);
  openTarget();

  if (!('live' in main.dataset)) return;
  page.classList.add('refreshes');

  /** Returns where an element is below the next element with an id; content before that may come and go. */
  const path = (element) => (element.id ? [element.id] : [
    ...path(element.parentElement), [...element.parentElement.children].indexOf(element),
  ]);
  const at = ([id, ...indexes]) => indexes.reduce((element, i) => element?.children[i], document.getElementById(id));

  /** Replaces the content; what is open stays open, and the focus stays where it is. */
  const show = (next) => {
    const focused = main.contains(document.activeElement) ? path(document.activeElement) : null;
    const open = [...main.querySelectorAll('details[open]')].map(({ id }) => id);
    const scrolled = [...main.querySelectorAll('pre')].map(({ scrollLeft }) => scrollLeft);
    main.replaceChildren(...next.getElementById('main').childNodes);
    open.forEach((id) => document.getElementById(id)?.setAttribute('open', ''));
    main.querySelectorAll('pre').forEach((pre, i) => (pre.scrollLeft = scrolled[i] ?? 0));
    if (focused) at(focused)?.focus({ preventScroll: true });
  };

  const refresh = async () => {
    const selecting = !getSelection().isCollapsed;
    if (paused || selecting || document.hidden) return;
    let next;
    try {
      const response = await fetch(location.pathname, { cache: 'no-store' });
      if (!response.ok) throw new Error(response.status);
      next = new DOMParser().parseFromString(await response.text(), 'text/html');
      // A proxy may respond with a page of its own, such as a login.
      if (!next.getElementById('headline')) throw new Error('not the status page');
    } catch {
      page.classList.add('lost');
      live.textContent = 'No answer from the exporter: this page is out of date.';
      return;
    }
    if (version(next) !== version(document)) return location.reload();
    const before = headline(document);
    page.classList.remove('lost');
    show(next);
    document.title = next.title;
    document.querySelector('link[rel=icon]').href = next.querySelector('link[rel=icon]').href;
    const now = headline(document);
    live.textContent = now === before ? '' : now;
  };

  pause.addEventListener('click', () => {
    paused = !paused;
    pause.setAttribute('aria-pressed', paused);
    refresh();
  });
  document.addEventListener('visibilitychange', refresh);
  setInterval(refresh, SECONDS * 1000);
})();
