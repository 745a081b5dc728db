import type { SectionCoverage, Verdict } from '../src/explore/timeline.js';
import { factsOf } from '../src/report/explore-facts.js';
import { sourceText } from '../src/report/explore-rows.js';
import { h } from './dom.js';

/** What the verdict rests on: counts, options, the abort points of every section, the assumptions. */
export function facts(verdict: Verdict): HTMLElement {
  const { sections, assumptions } = verdict;
  return h(
    'div',
    { class: 'facts', tabindex: -1 },
    h(
      'section',
      { 'aria-labelledby': 'facts' },
      h('h2', { id: 'facts' }, 'What was explored'),
      h(
        'dl',
        {},
        ...factsOf(verdict).map(({ head, text }) => h('div', {}, h('dt', {}, head), h('dd', {}, text))),
      ),
    ),
    h(
      'section',
      { 'aria-labelledby': 'assumptions' },
      h(
        'h2',
        { id: 'assumptions' },
        verdict.verdict === 'counterexample' ? 'The search assumes' : 'This holds under these assumptions',
      ),
      h('ul', {}, ...assumptions.map((text) => h('li', {}, text))),
    ),
    h(
      'section',
      { class: 'wide', 'aria-labelledby': 'aborts' },
      h('h2', { id: 'aborts' }, 'Abort points'),
      sections.length === 0 && h('p', {}, 'No section was executed.'),
      ...sections.map(coverage),
    ),
  );
}

function coverage({
  name,
  startIp,
  endIp,
  abortIp,
  abortPlace,
  source,
  points,
}: SectionCoverage): HTMLElement {
  const covered = points.filter((point) => point.covered).length;
  const all = covered === points.length;
  const heads = ['aborted', 'place', 'instruction', 'source'];
  return h(
    'details',
    { class: 'section', open: true },
    h(
      'summary',
      {},
      h('b', { class: 'code' }, name),
      source === undefined ? '' : ` ${sourceText(source)}`,
      h('span', { class: all ? 'good' : 'poor' }, ` ${covered} of ${points.length} covered`),
    ),
    h('p', { class: 'dim' }, `${startIp} to ${endIp}, abort_ip ${abortIp} (${abortPlace})`),
    h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Instructions of ${name}` },
      h(
        'table',
        {},
        h('thead', {}, h('tr', {}, ...heads.map((text) => h('th', { scope: 'col' }, text)))),
        h(
          'tbody',
          {},
          ...points.map((point) =>
            h(
              'tr',
              {},
              h('td', { class: point.covered ? 'good' : 'poor' }, point.covered ? '✓ yes' : '✗ no'),
              h('td', { class: 'code', title: point.ip }, point.place),
              h('td', { class: 'code' }, point.text),
              h(
                'td',
                { class: 'code dim' },
                point.source === undefined ? '' : `${sourceText(point.source)} ${point.source.text ?? ''}`,
              ),
            ),
          ),
        ),
      ),
    ),
  );
}
