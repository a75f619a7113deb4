// A path as text, JSON and Markdown, as one would put it into a ticket.

import { bare, clock, origin, percent } from "./format.js";
import { hopStats } from "./model.js";

const HEADS = ["Hop", "Host", "Address", "AS", "Loss", "Sent", "Last", "Mean", "Best", "Worst", "StDev"];

/** What a ticket needs: what, from when, and every hop. */
export function pathTable(target, family, path, spans, at) {
  const stats = hopStats(spans);
  const lines = path.rows.flatMap((row) => {
    const sum = stats.get(row.ttl);
    const nodes = row.nodes.length ? row.nodes : [null];
    return nodes.map((node, number) => {
      const loss = number === 0 ? percent(sum?.loss ?? (row.sent ? row.lost / row.sent : null)) : "";
      const labels = node?.mpls.map((entry) => ` MPLS ${entry.label}`).join("") ?? "";
      return [
        number === 0 ? row.ttl : "", node?.host.hostname ?? (node ? "" : "no answer"), (node?.address ?? "*") + labels, node ? origin(node.host) : "",
        loss, number === 0 ? (sum?.sent ?? row.sent) : "", node ? bare(node.rtt_seconds.at(-1) ?? null) : "",
        ...["mean", "best", "worst", "stddev"].map((key) => (number === 0 && sum ? bare(sum[key]) : "")),
      ].map((cell) => clean(String(cell)));
    });
  });
  const title = `Path to ${clean(target.name)} (${clean(family.address ?? target.host)}) by ${family.protocol} over ${family.family}, ${clean(at ?? family.last_trace_at ?? "")}`;
  return { title, outcome: clean(family.outcome ?? ""), asPath: family.as_path.join(" "), lines };
}

/** Columns in a fixed font; figures to the right. */
export function asText({ title, outcome, asPath, lines }) {
  const all = [HEADS, ...lines];
  const widths = HEADS.map((_, column) => Math.max(...all.map((line) => line[column].length)));
  const rows = all.map((line) => line.map((cell, column) => (column > 0 && column < 4 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join("  ").trimEnd());
  return `${[title, `Outcome: ${outcome}`, `AS path: ${asPath}`, "RTTs in milliseconds", ...rows].join("\n")}\n`;
}

/** A table that trackers render; what DNS said cannot break out of its cell. */
export function asMarkdown({ title, outcome, asPath, lines }) {
  const row = (cells) => `| ${cells.map(escapeMarkdown).join(" | ")} |`;
  const rule = HEADS.map((_, column) => (column > 0 && column < 4 ? "---" : "---:"));
  return `${[`**${escapeMarkdown(title)}**`, "", `Outcome: ${escapeMarkdown(outcome)}; AS path: ${asPath}; RTTs in milliseconds.`, "", row(HEADS), `| ${rule.join(" | ")} |`, ...lines.map(row)].join("\n")}\n`;
}

/** To the clipboard; where the page is not served securely, by the old way. */
export async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    const focused = document.activeElement;
    area.value = text;
    area.className = "hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return done;
  }
}

/** The name of a file or a heading for a moment. */
export function momentText(date) {
  return `${clock(date)} (${date.toISOString()})`;
}

function clean(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
}

function escapeMarkdown(text) {
  return String(text).replace(/[\\`*_{}[\]()#+!|<>~&]/g, (sign) => `\\${sign}`).replace(/\b(https?|www)\b/gi, "$1\u200b");
}
