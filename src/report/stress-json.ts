import type { StressDocument } from './stress-document.js';

export const stressJson = (document: StressDocument): string => `${JSON.stringify(document, null, 2)}\n`;
