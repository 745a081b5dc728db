import { printable } from '../binary/printable.js';
import { plural } from './document.js';
import type { StressDocument, StressPoint, StressSection } from './stress-document.js';

/** One file that needs no other and no script: the verdict, and each section's instructions by how often they were aborted. */
export function stressHtml(document: StressDocument): string {
  const { verdict, sentence, sections, coverage, failure, limits, effort, version } = document;
  const entered = sections.filter((section) => section.entered);
  const never = sections.filter((section) => !section.entered);
  const what = document.command?.join(' ') ?? `process ${document.pid}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="rseqlab ${escaped(version)}">
<title>${escaped(`${verdict}: ${what}`)} - rseqlab stress</title>
<style>${STYLE}</style>
</head>
<body>
<h1><span class="${verdict}">${verdict}</span> ${escaped(what)}</h1>
<p>${escaped(sentence)}.</p>
<p class="bar" role="img" aria-label="${coverage.percent} % of abort points forced"><span style="width:${coverage.percent}%"></span></p>
<p>${plural(entered.length, 'section')} entered, ${never.length} not; ${coverage.forced} of ${plural(coverage.points, 'abort point')} forced: <b>${coverage.percent} %</b>. ${plural(effort.aborts, 'abort')} in ${plural(effort.threads, 'thread')}.</p>
${failure === undefined || failure.points.length === 0 ? '' : `<h2>Aborts that make it happen</h2>\n<ul>${failure.points.map(({ place, ip, text, source }) => `<li><code>${escaped(`${place} (${ip}): ${text}`)}</code> ${escaped(source === undefined ? '' : `${source.file}:${source.line}`)}</li>`).join('')}</ul>`}
${entered.map(sectionHtml).join('\n')}
${never.length === 0 ? '' : `<h2>${document.options.hardware ? 'Not met by debug registers' : 'Never entered'}</h2>\n<ul>${never.map((section) => `<li>${escaped(title(section))}</li>`).join('')}</ul>`}
${limits.map((limit) => `<p>${escaped(limit)}</p>`).join('\n')}
</body>
</html>
`;
}

const title = ({ function: name, file, startIp, endIp }: StressSection): string =>
  `${name ?? '(no name)'} in ${file}, ${startIp} to ${endIp}`;

const sectionHtml = (section: StressSection): string => `<h2>${escaped(title(section))}</h2>
<table>
<thead><tr><th scope="col">forced</th><th scope="col">natural</th><th scope="col">threads</th><th scope="col">address</th><th scope="col">instruction</th><th scope="col">source</th></tr></thead>
<tbody>
${section.points.map(pointHtml).join('\n')}
</tbody>
</table>`;

function pointHtml({ forced, natural, threads, ip, text, source, unprotected }: StressPoint): string {
  const kind = unprotected > 0 ? 'unprotected' : forced > 0 ? 'forced' : 'never';
  const note = unprotected > 0 ? ` unprotected ${unprotected} times` : forced > 0 ? '' : ' never reached';
  return `<tr class="${kind}"><td>${forced}</td><td>${natural ?? ''}</td><td>${threads}</td><td>${ip}</td><td><code>${escaped(text)}</code>${note}</td><td>${escaped(source === undefined ? '' : `${source.file}:${source.line}`)}</td></tr>`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => printable(text).replace(/[&<>"]/g, (c) => ENTITIES[c]!);

const STYLE = `
:root{color-scheme:light dark;--good:#0a7d33;--bad:#b3261e;--line:#8884}
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin-top:2rem;overflow-wrap:anywhere}
h1 span{color:#fff;border-radius:.3rem;padding:.1rem .5rem;background:#666}
h1 .survived{background:var(--good)}h1 .failed,h1 .uncovered{background:var(--bad)}
.bar{height:.6rem;background:var(--line);border-radius:.3rem;overflow:hidden}.bar span{display:block;height:100%;background:var(--good)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.15rem .6rem;border-bottom:1px solid var(--line)}
td:nth-child(-n+3),th:nth-child(-n+3){text-align:right;font-variant-numeric:tabular-nums}
tr.forced td:first-child{border-left:.3rem solid var(--good)}tr.never td:first-child,tr.unprotected td:first-child{border-left:.3rem solid var(--bad)}
tr.never,tr.unprotected{background:#b3261e22}
`;
