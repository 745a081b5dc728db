import { script, style } from '#viewer';
import type { ExploreDocument } from '../explore/timeline.js';
import { exploreText } from './explore-text.js';
import { PLAIN } from './style.js';

/**
 * One file that needs no other: the verdicts, and for a counterexample a page to step through it. Works from file:// and without a network, which
 * its Content-Security-Policy forbids; without scripts it is the text report.
 */
export function exploreHtml(document: ExploreDocument): string {
  const title = document.results.map(({ scenario, verdict }) => `${scenario}: ${verdict}`).join(', ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="rseqlab ${escaped(document.version)}">
<title>${escaped(title)} - rseqlab explore</title>
<style>${style}</style>
</head>
<body>
<noscript><pre>${escaped(exploreText(document, PLAIN))}</pre></noscript>
<script id="data" type="application/json">${JSON.stringify(document).replaceAll('<', '\\u003c')}</script>
<script>${script}</script>
</body>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (c) => ENTITIES[c]!);
