/** The page as scripts/build.js bundles it: `import { script, style } from '#viewer'`. */

/** What stands in the page's script element. */
export const script: string;
/** What stands in its style element. */
export const style: string;
