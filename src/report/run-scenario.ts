import type { ScenarioState } from '../kernel/state.js';

/** How a scenario ended: what its tasks gave, and whether what it claims held in this run. */
export function scenarioText({ name, claim, results, failure }: ScenarioState): string {
  const lines = results.map(({ task, value }) => `${name}: result of ${task}: ${value}`);
  const said = claim === '' ? 'the scenario' : claim;
  lines.push(
    failure === undefined ? `${name}: ${said}: held in this run` : `${name}: ${said}: FAILED: ${failure}`,
  );
  return `${lines.join('\n')}\n`;
}
