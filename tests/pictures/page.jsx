// Renders a dashboard's JSON like Grafana, with Grafana's published components.
import React from 'react';
import { createRoot } from 'react-dom/client';
import { lastValueFrom } from 'rxjs';
import {
  LoadingState, Registry, ThemeContext, applyFieldOverrides, cacheFieldDisplayNames, createTheme, getFieldDisplayValues,
  identityOverrideProcessor, setTimeZoneResolver, standardTransformers, standardTransformersRegistry, transformDataFrame,
} from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { BigValue, GlobalStyles, Icon, PanelChrome, TimeSeries } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { Heatmap, Timeline } from './unpublished_panels.jsx';
import { queryPanel, timeRange } from './query.js';
import { rows } from './rows.mjs';

// Grafana's grid: height of a cell, gap between cells, number of columns.
const [CELL, GAP, COLUMNS] = [30, 8, 24];
// Height of the header.
const HEADER = 56;

const { view } = window;
const { dashboard } = view;
const theme = createTheme({ colors: { mode: 'dark' } });
const identity = (text) => text;

setTimeZoneResolver(() => 'utc');
standardTransformersRegistry.setInit(() => {
  // Some transformers are listed under two names.
  const known = new Map(Object.values(standardTransformers).map((transformation) => [transformation.id, transformation]));
  return [...known].map(([id, transformation]) => ({ id, name: id, transformation: async () => transformation }));
});

/** Registers all options that a panel sets; Grafana drops unregistered ones. */
function fieldConfigRegistry({ defaults, overrides }) {
  const { custom = {}, ...plain } = defaults;
  const set = overrides.flatMap(({ properties }) => properties.map(({ id }) => id));
  const ids = new Set([...Object.keys(plain), ...Object.keys(custom).map((id) => `custom.${id}`), ...set]);
  return new Registry(() =>
    [...ids].map((id) => ({
      id, name: id, path: id.replace(/^custom\./, ''), isCustom: id.startsWith('custom.'),
      process: identityOverrideProcessor, shouldApply: () => true, getItemsCount: () => 0,
    })),
  );
}

async function load(panel, width) {
  const frames = await queryPanel(panel, view, width);
  const data = await lastValueFrom(transformDataFrame(panel.transformations ?? [], frames));
  const { fieldConfig } = panel;
  const shown = applyFieldOverrides({
    data, fieldConfig, fieldConfigRegistry: fieldConfigRegistry(fieldConfig), replaceVariables: identity, theme, timeZone: 'utc',
  });
  // Tables take their headers from this cache.
  cacheFieldDisplayNames(shown);
  return shown;
}

function Stat({ panel, data, width, height }) {
  const { fieldConfig, options } = panel;
  const values = getFieldDisplayValues({
    fieldConfig, data, theme, reduceOptions: options.reduceOptions, replaceVariables: identity, timeZone: 'utc',
  });
  return (
    <div style={{ display: 'flex' }}>
      {values.map(({ display }, i) => (
        <BigValue key={i} theme={theme} value={display} width={width / values.length} height={height} count={values.length}
          colorMode={options.colorMode} graphMode={options.graphMode} justifyMode={options.justifyMode}
          textMode={options.textMode} wideLayout={options.wideLayout} />
      ))}
    </div>
  );
}

function Lines({ panel, data, width, height }) {
  return (
    <TimeSeries frames={data} structureRev={1} width={width} height={height} timeRange={timeRange(view)} timeZone="utc"
      legend={panel.options.legend} options={panel.options} />
  );
}

function Table({ panel, data, width, height }) {
  const { showHeader, cellHeight, sortBy } = panel.options;
  return (
    <div style={{ width, height }}>
      <TableNG data={data[0]} width={width} height={height} noHeader={!showHeader} cellHeight={cellHeight} sortBy={sortBy}
        structureRev={1} fieldConfig={panel.fieldConfig} enableVirtualization={false} getActions={() => []} />
    </div>
  );
}

const BODIES = { stat: Stat, timeseries: Lines, table: Table, 'state-timeline': Timeline, heatmap: Heatmap };

function Body(props) {
  const { panel, data } = props;
  const Kind = BODIES[panel.type];
  if (!Kind) {
    throw new Error(`${panel.title}: unsupported panel type ${panel.type}`);
  }
  // Grafana lets stat panels show missing data themselves.
  if (panel.type !== 'stat' && data.every((frame) => frame.length === 0)) {
    return (
      <div style={{ display: 'grid', placeItems: 'center', height: '100%', color: theme.colors.text.secondary }}>
        {panel.fieldConfig.defaults.noValue ?? 'No data'}
      </div>
    );
  }
  return <Kind {...props} theme={theme} view={view} />;
}

function Panel({ panel, place, loaded }) {
  const [data, setData] = React.useState();
  React.useEffect(() => {
    load(panel, place.width).then((data) => {
      setData(data);
      loaded();
    }, (error) => loaded(`${panel.title}: ${error.message}`));
  }, []);
  return (
    <div style={{ position: 'absolute', ...place }}>
      <PanelChrome title={panel.title} description={panel.description} width={place.width} height={place.height}
        loadingState={data ? LoadingState.Done : LoadingState.Loading}>
        {(width, height) => data && <Body {...{ panel, data, width, height }} />}
      </PanelChrome>
    </div>
  );
}

/** Returns the rows: the first `view.rows`, all open, or all rows as saved. */
function sections() {
  return rows(dashboard, view.rows)
    .map(({ row, panels }) => ({ row, panels, open: view.rows !== undefined || !row.collapsed }));
}

function Dashboard({ loaded }) {
  const column = (view.width - 2 * GAP - (COLUMNS - 1) * GAP) / COLUMNS;
  const placed = ({ x, y, w, h }, top) => ({
    left: GAP + x * (column + GAP), top: top + y * (CELL + GAP),
    width: w * (column + GAP) - GAP, height: h * (CELL + GAP) - GAP,
  });
  const elements = [];
  let top = HEADER;
  for (const { row, panels, open } of sections()) {
    elements.push(
      <div key={row.id} style={{ ...theme.typography.h5, position: 'absolute', top, left: GAP, lineHeight: `${CELL}px` }}>
        <Icon name={open ? 'angle-down' : 'angle-right'} /> {row.title}
        {!open && <span style={{ color: theme.colors.text.secondary, fontSize: 12 }}> ({panels.length} panels)</span>}
      </div>,
    );
    top += CELL + GAP;
    if (open) {
      const first = Math.min(...panels.map(({ gridPos }) => gridPos.y));
      for (const panel of panels) {
        const place = placed({ ...panel.gridPos, y: panel.gridPos.y - first }, top);
        elements.push(<Panel key={panel.id} {...{ panel, place, loaded }} />);
      }
      top += Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h - first)) * (CELL + GAP);
    }
  }
  const selected = Object.entries(view.selected).map(([name, value]) => `${name}: ${value}`);
  const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 16);
  return (
    <div style={{ position: 'relative', width: view.width, height: top + GAP, background: theme.colors.background.canvas }}>
      <div style={{ display: 'flex', justifyContent: 'space-between', padding: 2 * GAP, height: HEADER }}>
        <span style={theme.typography.h4}>{dashboard.title}</span>
        <span style={{ color: theme.colors.text.secondary }}>
          {[...selected, `${clock(view.from)} to ${clock(view.to)} UTC`].join('   ·   ')}
        </span>
      </div>
      {elements}
    </div>
  );
}

class ErrorBoundary extends React.Component {
  state = {};
  static getDerivedStateFromError(error) {
    return { error };
  }
  componentDidCatch(error) {
    this.props.failed(error.message);
  }
  render() {
    return this.state.error ? null : this.props.children;
  }
}

/** Resolves to the page's height and its errors once all panels have data and the DOM is stable. */
window.rendered = (async () => {
  const problems = [];
  await initPluginTranslations('grafana');
  const expected = sections().filter(({ open }) => open).flatMap(({ panels }) => panels).length;
  let loadedPanels = 0;
  await new Promise((done) => {
    const loaded = (problem) => {
      if (problem) problems.push(problem);
      loadedPanels += 1;
      if (loadedPanels === expected) done();
    };
    const failed = (problem) => {
      problems.push(problem);
      done();
    };
    createRoot(document.getElementById('root')).render(
      <ThemeContext.Provider value={theme}>
        <GlobalStyles />
        <ErrorBoundary failed={failed}><Dashboard loaded={loaded} /></ErrorBoundary>
      </ThemeContext.Provider>,
    );
  });
  await document.fonts.ready;
  await domStable();
  return { height: document.getElementById('root').offsetHeight, problems };
})();

function domStable() {
  return new Promise((done) => {
    let timer = setTimeout(done, 500);
    new MutationObserver(() => {
      clearTimeout(timer);
      timer = setTimeout(done, 500);
    }).observe(document.body, { childList: true, subtree: true, attributes: true });
  });
}
