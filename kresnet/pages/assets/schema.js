// What may stand where in a document, by its JSON Schema: for completion and for what a pointer rests on.
import { ensureSyntaxTree, syntaxTree } from "./codemirror.js";

const PREFIX = "#/$defs/";

export class Guide {
  constructor(schema) {
    this.schema = schema;
  }

  // The schemas without references or unions that one stands for; of a union by `kind` those that the values allow.
  members(schema, values = {}) {
    if (schema.$ref) {
      const { $ref, ...rest } = schema;
      return this.members({ ...this.schema.$defs[$ref.slice(PREFIX.length)], ...rest }, values);
    }
    if (schema.if) {
      const { if: condition, then, else: otherwise, ...rest } = schema;
      const chosen = condition.required?.every((name) => name in values) ? then : otherwise;
      return this.members(chosen, values).map((each) => ({ ...rest, ...each, properties: { ...rest.properties, ...each.properties } }));
    }
    const union = schema.anyOf ?? schema.oneOf;
    if (!union || schema.properties) return [schema];
    const found = union.flatMap((each) => this.members(each, values));
    const fitting = found.filter((each) => values.kind !== undefined && each.properties?.kind?.const === values.kind);
    return fitting.length ? fitting : found;
  }

  // The schemas of what stands at the end of a path: a list of mappings' values and keys, from the top.
  at(steps) {
    let schemas = [this.schema];
    for (const { values, key } of steps) {
      schemas = schemas.flatMap((each) => this.members(each, values)).flatMap((each) => {
        if (typeof key === "number") return each.prefixItems?.[key] ?? each.items ?? [];
        return each.properties?.[key] ?? (typeof each.additionalProperties === "object" ? each.additionalProperties : []);
      });
    }
    return schemas;
  }

  properties(steps, values) {
    const found = new Map();
    for (const each of this.at(steps).flatMap((schema) => this.members(schema, values))) {
      for (const [name, property] of Object.entries(each.properties ?? {})) {
        if (!found.has(name)) found.set(name, property);
      }
    }
    return found;
  }

  // What a setting may be, as it is written.
  choices(schema, key) {
    return [...new Set(this.members(schema).flatMap((each) => {
      if (each.const !== undefined) return [String(each.const)];
      if (each.enum) return each.enum.map(String);
      if (each.type === "boolean") return ["true", "false"];
      if (each.type === "null") return ["null"];
      const kind = each.properties?.kind?.const;
      return kind && key !== "kind" ? [`{kind: ${kind}}`] : [];
    }))];
  }

  describe(schema) {
    const words = [...new Set(this.members(schema).map((each) => {
      if (each.const !== undefined) return String(each.const);
      if (each.enum) return each.enum.join(" | ");
      const kind = each.properties?.kind?.const;
      if (kind) return kind;
      const low = each.minimum ?? each.exclusiveMinimum, high = each.maximum ?? each.exclusiveMaximum;
      const range = low === undefined && high === undefined ? "" : ` ${low ?? "…"} to ${high ?? "…"}`;
      return each.type === "object" ? "mapping" : each.type === "array" ? "list" : `${each.type ?? "value"}${range}`;
    }))];
    const told = words.length > 8 ? `${words.slice(0, 8).join(" | ")}…` : words.join(" | ");
    return told + (schema.default === undefined ? "" : `; default ${JSON.stringify(schema.default)}`);
  }

  text(schema) {
    return schema.description ?? this.members(schema).find((each) => each.description)?.description ?? "";
  }
}

const MAPPINGS = ["BlockMapping", "FlowMapping"], LISTS = ["BlockSequence", "FlowSequence"];

function keyOf(state, pair) {
  const key = pair.getChild("Key");
  return key ? state.sliceDoc(key.from, key.to).replace(/^["']|["']$/g, "") : "";
}

// The plain values of a mapping, by key.
function valuesOf(state, mapping) {
  const values = {};
  for (const pair of mapping?.getChildren("Pair") ?? []) {
    const value = pair.lastChild;
    values[keyOf(state, pair)] = value && /Literal$/.test(value.name) ? state.sliceDoc(value.from, value.to) : "";
  }
  return values;
}

// The way from the top to a mapping: the values beside each key on it, and the key.
export function stepsTo(state, node) {
  const steps = [];
  for (let child = node, parent = node?.parent; parent; child = parent, parent = parent.parent) {
    if (parent.name === "Pair") {
      steps.unshift({ values: valuesOf(state, parent.parent), key: keyOf(state, parent) });
    } else if (LISTS.includes(parent.name)) {
      const before = parent.getChildren("Item").filter((item) => item.from < child.from).length;
      steps.unshift({ values: {}, key: parent.getChildren("Item").length ? before : 0 });
    }
  }
  return steps;
}

const ancestor = (node, names) => {
  while (node && !names.includes(node.name)) node = node.parent;
  return node;
};

// On a line of its own, the mapping that a word at a column belongs to, by indentation.
function mappingByIndent(state, tree, line, column) {
  for (let number = line.number - 1; number > 0; number--) {
    const { text, from } = state.doc.line(number);
    const start = text.match(/^(\s*(?:- )*)(?=[^\s#-])/)?.[1].length;
    if (start === undefined) continue;
    if (start > column) continue;
    const pair = ancestor(tree.resolveInner(from + start, 1), ["Pair"]);
    if (!pair) return null;
    if (start === column) return { mapping: pair.parent, steps: stepsTo(state, pair.parent) };
    const value = MAPPINGS.includes(pair.lastChild?.name) ? pair.lastChild : null;
    return { mapping: value, steps: [...stepsTo(state, pair.parent), { values: valuesOf(state, pair.parent), key: keyOf(state, pair) }] };
  }
  return column === 0 ? { mapping: tree.topNode.getChild("Document")?.getChild("BlockMapping") ?? null, steps: [] } : null;
}

// What is being written at a place: a key of a mapping, or the value of a key.
export function placeAt(state, at) {
  const tree = ensureSyntaxTree(state, at, 200) ?? syntaxTree(state), line = state.doc.lineAt(at);
  const before = line.text.slice(0, at - line.from);
  if (/(^|\s)#/.test(before)) return null;
  const from = at - before.match(/[\w.-]*$/)[0].replace(/^-+/, "").length;
  const value = before.match(/([\w-]+):\s+[\w.-]*$/);
  const node = tree.resolveInner(at, -1), flow = ancestor(node, ["FlowMapping"]);
  if (value) {
    const pair = ancestor(tree.resolveInner(line.from + value.index + 1, 1), ["Pair"]);
    if (!pair) return null;
    return { what: "value", from, key: value[1], mapping: pair.parent, steps: stepsTo(state, pair.parent) };
  }
  if (flow && flow.from < at) return { what: "key", from, mapping: flow, steps: stepsTo(state, flow) };
  const own = before.match(/^(\s*(?:- )*)[\w.-]*$/);
  if (!own) return null;
  const dashes = own[1].lastIndexOf("- ");
  if (dashes >= 0) {  // the first key of an item
    const item = ancestor(tree.resolveInner(at, -1), ["Item", ...LISTS]), list = ancestor(item, LISTS);
    if (!list) return null;
    const mapping = MAPPINGS.includes(item.firstChild?.name) ? item.firstChild : null;
    const index = list.getChildren("Item").filter((each) => each.from < line.from).length;
    return { what: "key", from, mapping, steps: [...stepsTo(state, list), { values: {}, key: index }] };
  }
  const found = mappingByIndent(state, tree, line, own[1].length);
  return found && { what: "key", from, ...found };
}

export function completions(guide, state, at, explicit) {
  const place = placeAt(state, at);
  if (!place || (!explicit && place.from === at && place.what === "key")) return null;
  const values = valuesOf(state, place.mapping);
  const known = guide.properties(place.steps, place.what === "key" ? values : place.key === "kind" ? {} : values);
  if (place.what === "value") {
    const schemas = place.key === "kind"
      ? guide.at(place.steps).flatMap((schema) => guide.members(schema)).map((each) => each.properties?.kind).filter(Boolean)
      : [known.get(place.key)].filter(Boolean);
    const choices = [...new Set(schemas.flatMap((schema) => guide.choices(schema, place.key)))];
    return choices.length ? { from: place.from, options: choices.map((label) => ({ label, type: "constant" })), validFor: /^[\w.-]*$/ } : null;
  }
  const typed = state.sliceDoc(place.from, at);
  const options = [...known].filter(([name]) => !(name in values) || name === typed).map(([name, schema]) => ({
    label: name, type: "property", detail: guide.describe(schema), info: guide.text(schema) || undefined,
    apply: /^\s*:/.test(state.sliceDoc(at, at + 3)) ? name : `${name}: `,
  }));
  return options.length ? { from: place.from, options, validFor: /^[\w.-]*$/ } : null;
}

// The setting under the pointer: its key, and what the schema says of it.
export function settingAt(guide, state, at) {
  const pair = ancestor(syntaxTree(state).resolveInner(at, 1), ["Key"])?.parent;
  if (!pair) return null;
  const key = keyOf(state, pair), node = pair.getChild("Key");
  const schema = guide.properties(stepsTo(state, pair.parent), valuesOf(state, pair.parent)).get(key);
  return schema && { from: node.from, to: node.to, key, type: guide.describe(schema), text: guide.text(schema) };
}
