/** The fields of an object that hold what was learned, as JSON has them: by name. */
export type Facts = Readonly<Record<string, unknown>>;

const isCollection = (value: unknown): value is Set<unknown> | Map<unknown, unknown> | unknown[] =>
  value instanceof Set || value instanceof Map || Array.isArray(value);
const isSingle = (value: unknown): boolean => typeof value === 'boolean' || typeof value === 'number';

/** Fields that are no sets, maps, lists, truth values, numbers or objects of such do not belong here: they are to be left out. */
export function factsOf(object: object, without: ReadonlySet<string>): Facts {
  const facts: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) {
    if (without.has(name)) continue;
    if (isCollection(value)) facts[name] = [...value];
    else if (isSingle(value)) facts[name] = value;
    else if (typeof value === 'object' && value !== null) facts[name] = factsOf(value, new Set());
    else throw new Error(`what was learned cannot be kept: ${name}`);
  }
  return facts;
}

/** Puts facts into an object of the same kind. */
export function restoreFacts(object: object, facts: Facts, without: ReadonlySet<string>): void {
  const fields = object as Record<string, unknown>;
  for (const [name, value] of Object.entries(fields)) {
    if (without.has(name)) continue;
    const fact = facts[name];
    if (isSingle(value)) fields[name] = fact;
    else if (!isCollection(value)) restoreFacts(value as object, fact as Facts, new Set());
    else if (Array.isArray(value)) value.splice(0, value.length, ...(fact as unknown[]));
    else {
      value.clear();
      for (const each of fact as unknown[]) {
        if (value instanceof Set) value.add(each);
        else value.set(...(each as [unknown, unknown]));
      }
    }
  }
}
