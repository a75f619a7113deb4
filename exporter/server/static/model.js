// What the page draws of a path: hop after hop, all parallel branches, grouped by AS. Pure.

const NOBODY = { hostname: null, asn: null, as_name: null, prefix: null, country: null };

/**
 * The path of a trace, together with what is known beyond it.
 * @param {object|null} trace as the API has it; null draws the addresses of `path` alone
 * @param {object} known path, first_ttl, parallel_hops, links, hosts and loss, as far as known
 */
export function buildPath(trace, known) {
  const hosts = known.hosts || {};
  const rows = trace ? trace.hops.map((hop) => heardRow(hop)) : [];
  (known.path || []).forEach((address, number) => {
    const ttl = (known.first_ttl || 1) + number;
    const row = rows.find((each) => each.ttl === ttl) ?? addRow(rows, ttl, trace);
    if (row && address && !row.nodes.some((node) => node.address === address)) row.nodes.push(silentNode(address, hosts));
  });
  for (const hop of known.parallel_hops || []) {
    const row = rows.find((each) => each.ttl === hop.ttl);
    if (!row) continue;
    row.balancing = hop.balancing;
    for (const address of hop.addresses) {
      if (!row.nodes.some((node) => node.address === address)) row.nodes.push(silentNode(address, hosts));
    }
  }
  for (const hop of known.loss?.hops || []) {
    const row = rows.find((each) => each.ttl === hop.ttl);
    if (row) Object.assign(row, { forward: hop.forward_loss_ratio, condition: hop.condition });
  }
  if (rows.length && trace?.reached) markEnd(rows.at(-1), trace.address);
  return { traced: Boolean(trace), rows, edges: edgesOf(rows, known.links || []), groups: groupsOf(rows) };
}

function heardRow(hop) {
  const nodes = hop.responders.map((each) => ({ ...each, host: each, heard: true }));
  return { ttl: hop.ttl, sent: hop.sent, lost: hop.lost, nodes, end: false, balancing: "none", forward: null, condition: null };
}

/** The destination, told apart from routers that answered at its TTL. */
function markEnd(row, address) {
  row.end = true;
  for (const node of row.nodes) node.end = node.address === address || (node.heard && node.kind !== "time_exceeded");
}

/** A hop of the path that this trace did not ask; none where the trace ended before it. */
function addRow(rows, ttl, trace) {
  if (trace && (trace.reached || trace.stop_reason === "loop")) return null;
  const row = heardRow({ ttl, sent: 0, lost: 0, responders: [] });
  rows.push(row);
  return row;
}

function silentNode(address, hosts) {
  return { address, host: { ...NOBODY, ...hosts[address] }, ...hosts[address], rtt_seconds: [], mpls: [], asymmetry: null, return_hops: null, kind: null, heard: false };
}

/** Mean RTT of the latest trace over all that answered at a hop. */
export function meanRtt(row) {
  const rtts = row.nodes.flatMap((node) => node.rtt_seconds);
  return rtts.length ? rtts.reduce((a, b) => a + b, 0) / rtts.length : null;
}

/** Edges between places [row, node]; a silent hop is passed through, `sure` where probes went so. */
function edgesOf(rows, links) {
  const edges = [];
  const at = (index, address) => Math.max(0, rows[index].nodes.findIndex((node) => node.address === address));
  const add = (from, to, fromNode, toNode, sure) => {
    // Through silent hops in between, one after the other.
    for (let index = from; index < to; index++) {
      edges.push({
        from: [index, index === from ? fromNode : 0],
        to: [index + 1, index + 1 === to ? toNode : 0],
        sure: sure && from + 1 === to,
      });
    }
  };
  const linked = new Set();
  for (const { ttl, near, far } of links) {
    const to = rows.findIndex((row) => row.ttl === ttl);
    if (to < 1) continue;
    let from = to - 1;
    while (from > 0 && !rows[from].nodes.some((node) => node.address === near)) from--;
    if (!rows[from].nodes.some((node) => node.address === near)) continue;
    add(from, to, at(from, near), at(to, far), true);
    linked.add(`${to} ${at(to, far)}`);
  }
  rows.forEach((row, to) => {
    if (to === 0) return;
    const count = Math.max(1, row.nodes.length);
    for (let node = 0; node < count; node++) {
      const touched = linked.has(`${to} ${node}`) || edges.some((edge) => edge.to[0] === to && edge.to[1] === node);
      if (!touched) edges.push({ from: [to - 1, 0], to: [to, node], sure: row.nodes[node]?.heard === true && rows[to - 1].nodes[0]?.heard === true });
    }
  });
  const seen = new Set();
  return edges.filter((edge) => {
    const key = `${edge.from}-${edge.to}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** Neighbouring hops of one AS; a silent hop belongs to what comes before it. */
function groupsOf(rows) {
  const groups = [];
  rows.forEach((row, index) => {
    const node = row.nodes.find((each) => each.asn !== null && each.asn !== undefined) ?? row.nodes[0];
    const key = node ? String(node.asn ?? (isPrivate(node.address) ? "private" : "none")) : null;
    const group = groups.at(-1);
    if (group && (key === null || key === group.key)) group.rows.push(index);
    else groups.push({ key, asn: node?.asn ?? null, host: node?.host ?? null, rows: [index] });
  });
  return groups;
}

/** Addresses for private use (RFC 1918, RFC 6598, RFC 4193, RFC 3927): nobody's on the internet. */
export function isPrivate(address) {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|169\.254\.|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/i.test(address);
}

/** What each TTL showed over all kept spans, as mtr sums it up. */
export function hopStats(spans) {
  const stats = new Map();
  for (const span of spans) {
    for (const hop of span.hops) {
      const sum = stats.get(hop.ttl) || { sent: 0, lost: 0, answered: 0, total: 0, squares: 0, best: null, worst: null };
      const answered = hop.sent - hop.lost;
      sum.sent += hop.sent;
      sum.lost += hop.lost;
      if (hop.mean_seconds !== null && answered > 0) {
        sum.answered += answered;
        sum.total += answered * hop.mean_seconds;
        sum.squares += answered * (hop.stddev_seconds ** 2 + hop.mean_seconds ** 2);
        sum.best = sum.best === null ? hop.best_seconds : Math.min(sum.best, hop.best_seconds);
        sum.worst = sum.worst === null ? hop.worst_seconds : Math.max(sum.worst, hop.worst_seconds);
      }
      stats.set(hop.ttl, sum);
    }
  }
  for (const sum of stats.values()) {
    sum.mean = sum.answered ? sum.total / sum.answered : null;
    sum.stddev = sum.answered ? Math.sqrt(Math.max(0, sum.squares / sum.answered - sum.mean ** 2)) : null;
    sum.loss = sum.sent ? Math.max(0, sum.lost) / sum.sent : null;
  }
  return stats;
}
