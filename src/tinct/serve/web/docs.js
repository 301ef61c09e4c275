"use strict";
// Draws the OpenAPI description of this server; nothing is loaded from anywhere else.

function made(tag, text, kind) {
  const node = document.createElement(tag);
  if (text !== undefined) appendRich(node, String(text));
  if (kind) node.className = kind;
  return node;
}

// Words between backticks are code.
function appendRich(node, text) {
  text.split("`").forEach((part, index) => {
    if (index % 2) {
      const code = document.createElement("code");
      code.textContent = part;
      node.append(code);
    } else if (part) node.append(part);
  });
}

function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(", ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.format === "binary") return "file";
  if (schema.type === "array") return "list of " + (typeOf(schema.items) || "values");
  const range = schema.minimum !== undefined ? ` ${schema.minimum} to ${schema.maximum}` : "";
  return [].concat(schema.type || "any").join(" or ") + range;
}

function table(head, rows) {
  const box = made("div", undefined, "scroll");
  const whole = document.createElement("table");
  const top = whole.createTHead().insertRow();
  for (const word of head) {
    const cell = made("th", word);
    cell.scope = "col";
    top.append(cell);
  }
  const body = whole.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const cell of row) appendRich(line.insertCell(), cell === undefined ? "" : String(cell));
  }
  box.append(whole);
  return box;
}

function fieldRows(schema) {
  const required = new Set(schema.required || []);
  return Object.entries(schema.properties || {}).map(([name, field]) => [
    "`" + name + "`" + (required.has(name) ? " (required)" : ""),
    typeOf(field),
    field.default === undefined || field.default === null ? "" : JSON.stringify(field.default),
    field.description || "",
  ]);
}

const HEAD = ["Name", "Value", "Default", "Meaning"];

function operation(path, method, spec, schemas) {
  const box = document.createElement("details");
  box.id = spec.operationId;
  const title = document.createElement("summary");
  title.append(made("span", method.toUpperCase(), "method"), made("span", path, "path"), " ");
  title.append(made("span", spec.summary || "", "soft"));
  box.append(title, made("p", spec.description || ""));
  const inForm = new Set();
  for (const [kind, body] of Object.entries((spec.requestBody || {}).content || {})) {
    box.append(made("h3", "Body: `" + kind + "`"));
    if (body.schema && body.schema.properties) {
      Object.keys(body.schema.properties).forEach((name) => inForm.add(name));
      box.append(table(HEAD, fieldRows(body.schema)));
    } else box.append(made("p", "The picture itself; options are given in the query.", "soft"));
    if (body.example) box.append(made("pre", JSON.stringify(body.example, null, 2)));
  }
  const others = (spec.parameters || []).filter((one) => !inForm.has(one.name));
  if (others.length) {
    box.append(made("h3", "Parameters"));
    box.append(table(["Name", "In", "Value", "Meaning"], others.map((one) => [
      "`" + one.name + "`", one.in, typeOf(one.schema), one.description || "",
    ])));
  }
  box.append(made("h3", "Answers"));
  box.append(table(["Status", "Kinds", "Meaning"], Object.entries(spec.responses).map(([status, answer]) => [
    status,
    Object.entries(answer.content || {}).map(([kind, body]) =>
      kind + (body.schema && body.schema.$ref ? " (" + typeOf(body.schema) + ")" : "")).join(", "),
    answer.description || "",
  ])));
  return box;
}

async function draw() {
  const summary = document.getElementById("summary");
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(answer.statusText);
  const api = await answer.json();
  summary.textContent = "";
  appendRich(summary, api.info.description + " Version " + api.info.version + ".");
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, spec] of Object.entries(methods)) {
      const tag = (spec.tags || ["Other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push([path, method, spec]);
    }
  }
  const place = document.getElementById("operations");
  const list = document.createElement("ul");
  for (const [tag, entries] of groups) {
    const heading = made("h2", tag);
    heading.id = "tag-" + tag;
    const item = document.createElement("li");
    const link = made("a", tag);
    link.href = "#" + heading.id;
    item.append(link);
    list.append(item);
    place.append(heading, ...entries.map(([path, method, spec]) => operation(path, method, spec)));
  }
  const records = made("h2", "Records");
  records.id = "records";
  place.append(records);
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    if (!schema.properties) continue;
    const box = document.createElement("details");
    const title = document.createElement("summary");
    title.append(made("span", name, "path"), " ", made("span", schema.description || "", "soft"));
    box.append(title, table(HEAD, fieldRows(schema)));
    place.append(box);
  }
  const item = document.createElement("li");
  const link = made("a", "Records");
  link.href = "#records";
  item.append(link);
  list.append(item);
  document.getElementById("contents").append(list);
}

draw().catch((error) => {
  document.getElementById("summary").textContent = "The description could not be loaded: " + error.message;
});
