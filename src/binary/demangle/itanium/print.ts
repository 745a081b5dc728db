/** From the tree to the text, as GNU c++filt writes it. */
import { malformed } from './cursor.js';
import type { Declarator } from './declarator.js';
import { arrayOf, functionOf, memberPointer, modify, plain, qualify, textOf } from './declarator.js';
import type { FunctionNode, Node, Printing } from './nodes.js';
import { findPack } from './packs.js';
import { printExpression } from './print-expression.js';

/** A tree may share its parts, so a short name can have an endless text: where to give up, in characters. */
const MAX_LENGTH = 1 << 16;
const MAX_STEPS = 400_000;
const MAX_DEPTH = 1_000;

/** The template arguments that `T_` means, innermost first. */
export interface Scope {
  readonly arguments: readonly Node[];
  readonly outer: Scope | undefined;
}

type Template = Extract<Node, { kind: 'template' }>;

/** All that printing depends on besides the node. */
export class Printer implements Printing {
  scope: Scope | undefined;
  /** Which element of a pack is meant inside its expansion; -1: all, with commas. */
  packIndex = 0;
  /** Inside a lambda's parameters, where `T_` is `auto:1` or one of this many explicit parameters. */
  private lambdaHeads: (readonly Node[])[] = [];
  private template: Template | undefined;
  private readonly savedScopes = new Map<Node, Scope | undefined>();
  private readonly active = new Set<Node>();
  /** The last list ended in an empty pack: c++filt then closes angles without the blank after `>`. */
  private emptyEnd = false;
  private steps = 0;
  private depth = 0;

  text(node: Node): string {
    return textOf(this.declarator(node));
  }

  /** Texts with commas between. An empty pack at the end is nothing; elsewhere c++filt keeps its comma. */
  list(nodes: readonly Node[]): string {
    const parts: string[] = [];
    for (const node of nodes) {
      const part = this.text(node);
      this.emptyEnd = (part === '' && parts.length > 0) || (node.kind === 'pack' && this.emptyEnd);
      parts.push(part);
    }
    if (nodes.length === 0) this.emptyEnd = false;
    while (parts.length > 1 && parts.at(-1) === '') parts.pop();
    return parts.join(', ');
  }

  declarator(node: Node): Declarator {
    if (++this.steps > MAX_STEPS || ++this.depth > MAX_DEPTH) malformed();
    const result = this.print(node);
    if (result.left.length + result.right.length > MAX_LENGTH) malformed();
    this.depth--;
    return result;
  }

  countStep(): void {
    if (++this.steps > MAX_STEPS) malformed();
  }

  private print(node: Node): Declarator {
    switch (node.kind) {
      case 'word':
      case 'builtin':
      case 'standard':
      case 'constructor':
        return plain(node.text);
      case 'scoped':
        return plain(`${this.text(node.scope)}::${this.text(node.name)}`);
      case 'local':
        return plain(`${this.text(node.scope)}::${this.text(node.name)}`);
      case 'default-argument':
        return plain(`{default arg#${node.number}}::${this.text(node.name)}`);
      case 'this-qualified':
        return plain(this.text(node.name) + this.concat(node.qualifiers));
      case 'template':
        return plain(this.templateText(node));
      case 'tagged':
        return plain(`${this.text(node.name)}[abi:${node.tag}]`);
      case 'operator':
        return plain(operatorName(node.text));
      case 'conversion':
        return plain(`operator ${this.conversion(node.type)}`);
      case 'lambda':
        return plain(this.lambda(node));
      case 'template-parameter':
        return plain(`${this.text(node.before)}${node.pack ? '...' : ''} ${node.name}`);
      case 'unnamed':
        return plain(`{unnamed type#${node.number + 1}}`);
      case 'binding':
        return plain(`[${this.list(node.names)}]`);
      case 'module':
        return plain(`${this.text(node.name)}@${this.text(node.module)}`);
      case 'friend':
        return plain(`${this.text(node.name)}[friend]`);
      case 'typed':
        return plain(this.typed(node));
      case 'affixed':
        return plain(node.before + this.text(node.of) + node.after);
      case 'construction-vtable':
        return plain(`construction vtable for ${this.text(node.base)}-in-${this.text(node.derived)}`);
      case 'parameter':
        return this.parameter(node.index);
      case 'pack':
        return plain(this.list(node.items));
      case 'expansion':
        return plain(this.expansion(node.of));
      case 'modified':
        return this.modified(node);
      case 'vendor-qualified':
        return modify(this.declarator(node.of), ` ${this.text(node.qualifier)}`);
      case 'member-pointer': {
        const of = this.declarator(node.of);
        return memberPointer(of, this.text(node.owner));
      }
      case 'array':
        return arrayOf(this.declarator(node.of), node.size === undefined ? '' : this.text(node.size));
      case 'vector':
        return modify(this.declarator(node.of), ` __vector(${this.text(node.size)})`);
      case 'function':
        return functionOf(this.resultOf(node), this.signature(node));
      case 'decltype':
        return plain(`decltype (${this.text(node.of)})`);
      default:
        return plain(printExpression(this, node));
    }
  }

  private resultOf(node: FunctionNode): Declarator | undefined {
    return node.result === undefined ? undefined : this.declarator(node.result);
  }

  private signature(node: FunctionNode): string {
    return `(${this.list(node.parameters)})${this.concat(node.qualifiers)}`;
  }

  private concat(nodes: readonly Node[]): string {
    return nodes.map((node) => this.text(node)).join('');
  }

  /** A function's name with its type; the name's template arguments are in scope for both. */
  private typed(node: Extract<Node, { kind: 'typed' }>): string {
    const { name, qualifiers } = withoutThis(node.name);
    const { scope } = this;
    const innermost = innermostName(name);
    if (innermost.kind === 'template') this.scope = { arguments: innermost.arguments, outer: scope };
    const type = { ...node.type, qualifiers: [...node.type.qualifiers, ...qualifiers] };
    const result = this.resultOf(type);
    const text = textOf(functionOf(result, this.text(name) + this.signature(type)));
    const requires = node.requires === undefined ? '' : ` requires ${this.text(node.requires)}`;
    this.scope = scope;
    return text + requires;
  }

  private templateText(node: Template): string {
    const { template } = this;
    this.template = node;
    const conversion = node.name.kind === 'conversion' ? node.name : undefined;
    const name =
      conversion === undefined ? this.text(node.name) : `operator ${this.conversion(conversion.type)}`;
    this.template = template;
    return `${name}${name.endsWith('<') ? ' ' : ''}${this.angles(node.arguments)}`;
  }

  /** `<...>`, kept apart from the < or > of what is beside. */
  private angles(nodes: readonly Node[]): string {
    const list = this.list(nodes);
    return `<${list}${list.endsWith('>') && !this.emptyEnd ? ' ' : ''}>`;
  }

  /** The type a conversion operator converts to: the operator's own template arguments are in scope. */
  private conversion(type: Node): string {
    const { scope, template } = this;
    if (template !== undefined) this.scope = { arguments: template.arguments, outer: scope };
    const text = this.text(type);
    this.scope = scope;
    return text;
  }

  private lambda(node: Extract<Node, { kind: 'lambda' }>): string {
    this.lambdaHeads.push(node.head);
    const head = node.head.length === 0 ? '' : this.angles(node.head);
    const parameters = this.list(node.parameters);
    this.lambdaHeads.pop();
    return `{lambda${head}(${parameters})#${node.number + 1}}`;
  }

  /** What a template parameter stands for, before the choice of an element of a pack. */
  argument(index: number): Node | undefined {
    return this.scope?.arguments[index];
  }

  private parameter(index: number): Declarator {
    const head = this.lambdaHeads.at(-1);
    if (head !== undefined) {
      const explicit = head[index];
      return plain(explicit?.kind === 'template-parameter' ? explicit.name : `auto:${index + 1}`);
    }
    const found = this.argument(index) ?? malformed();
    const chosen =
      found.kind === 'pack' && this.packIndex >= 0 ? (found.items[this.packIndex] ?? malformed()) : found;
    const { scope } = this;
    // The arguments themselves were written outside of the template.
    this.scope = scope?.outer;
    const result = this.declarator(chosen);
    this.scope = scope;
    return result;
  }

  private expansion(pattern: Node): string {
    const pack = this.lambdaHeads.length > 0 ? undefined : findPack(this, pattern);
    if (pack === undefined) return `${printExpression.operand(this, pattern)}...`;
    const { packIndex } = this;
    const parts: string[] = [];
    for (const index of pack.items.keys()) {
      this.packIndex = index;
      parts.push(this.text(pattern));
    }
    this.packIndex = packIndex;
    return parts.join(', ');
  }

  private modified(node: Extract<Node, { kind: 'modified' }>): Declarator {
    const { of, modifier } = node;
    if (modifier === ' const' || modifier === ' volatile' || modifier === ' restrict') {
      return qualify(this.declarator(of), modifier);
    }
    if ((modifier === '&' || modifier === '&&') && of.kind === 'parameter' && this.lambdaHeads.length === 0) {
      return modify(this.referenced(node, of), modifier);
    }
    return modify(this.declarator(of), modifier);
  }

  /** A reference to `T_` means the `T_` of the place where it was printed first, as c++filt has it. */
  private referenced(node: Node, of: Node): Declarator {
    if (!this.savedScopes.has(of)) this.savedScopes.set(of, this.scope);
    const { scope } = this;
    if (!this.active.has(node) && !this.active.has(of)) this.scope = this.savedScopes.get(of);
    const added = [node, of].filter((each) => !this.active.has(each));
    for (const each of added) this.active.add(each);
    const result = this.declarator(of);
    for (const each of added) this.active.delete(each);
    this.scope = scope;
    return result;
  }
}

/** `operator new`, `operator+`, `operator< ` before `<`. */
function operatorName(text: string): string {
  const trimmed = text.trimEnd();
  return /^[a-z]/.test(trimmed) ? `operator ${trimmed}` : `operator${trimmed}`;
}

/** The name without the qualifiers of `this`, which stand behind the parameters. */
function withoutThis(name: Node): { name: Node; qualifiers: readonly Node[] } {
  if (name.kind === 'this-qualified') return { name: name.name, qualifiers: name.qualifiers };
  if (name.kind !== 'local' && name.kind !== 'default-argument') return { name, qualifiers: [] };
  const inner = withoutThis(name.name);
  return { name: { ...name, name: inner.name }, qualifiers: inner.qualifiers };
}

function innermostName(name: Node): Node {
  return name.kind === 'local' || name.kind === 'default-argument' ? innermostName(name.name) : name;
}
