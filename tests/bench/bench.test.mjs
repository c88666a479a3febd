/*
 * Can the benchmarks be believed? The generator against servers that lose, repeat and delay on
 * purpose, and what the numbers are then made into. No speeds: this runs on machines with other work.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ROOT, freePort, run } from '../integration/lib/instance.mjs';
import { firstLine } from './lib/generator.mjs';
import { plot } from './lib/plot.mjs';
import { GROUPS, PEERS, markdown, number, replaced, textReport } from './lib/report.mjs';
import { SCENARIOS } from './lib/scenarios.mjs';
import { GOALS, faults, judge, median, spread, summary } from './lib/stats.mjs';

const BUILT = path.join(ROOT, 'build/tests/bench');

const flags = (options) => Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);

/* `under`: a command to run it with. */
async function generate(mode, options, under = []) {
  const [program, ...args] = [...under, path.join(BUILT, 'load/load'), mode, ...flags(options)];
  const { code, stdout, stderr } = await run(program, args, { timeout: 60_000 });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/* The bare server with these faults, and the generator at it. */
async function against(server, mode, options, under = []) {
  const port = await freePort();
  const [program, ...args] = [...under, path.join(BUILT, 'baseline'), ...flags({ port, ...server })];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    assert.equal(await firstLine(child, 'baseline', 10_000), 'ready');
    return await generate(mode, { port, warmup: 0, ...options }, under);
  } finally {
    child.kill();
  }
}

/* A hundred messages to ten clients, within any time. */
const HUNDRED = { clients: 10, rate: 500, messages: 100, seconds: 30, drain: 1 };

describe('the generator', { concurrency: true }, () => {
  test('counts every delivery', async () => {
    const said = await against({}, 'rooms', { ...HUNDRED, rooms: 3, lanes: 10, drain: 20 });
    /* Rooms of 4, 3 and 3, by turns in lanes 0 to 9. */
    assert.deepEqual([said.ready, said.sent, said.deliveries, said.lost, said.extra, said.failed], [10, 100, 340, 0, 0, 0]);
    assert.equal(said.latency_us.count, 340);
  });

  test('reports exactly what was lost', async () => {
    const said = await against({ drop: 7 }, 'rooms', HUNDRED);
    assert.deepEqual([said.deliveries, said.lost, said.extra], [1000 - 142, 142, 0]);
    assert.deepEqual(faults(summary([1], [said])), ['142 lost']);
  });

  test('reports exactly what came twice, and does not count it', async () => {
    const said = await against({ twice: 7 }, 'rooms', { ...HUNDRED, drain: 20 });
    assert.deepEqual([said.deliveries + said.lost, said.extra > 0], [1000, true]);
    assert.ok(said.extra >= 141 && said.extra <= 142, JSON.stringify(said)); /* the last may come after the end */
    assert.match(faults(summary([1], [said])).join(), /14[12] more than once/);
  });

  /* Of every 35 deliveries 6 are lost, 4 come twice, and one is lost and comes again. */
  test('does not take a delivery that came twice for one that was lost', async () => {
    const said = await against({ drop: 5, twice: 7 }, 'rooms', HUNDRED);
    assert.deepEqual([said.deliveries, said.lost, said.extra], [1000 - 172, 172, 114]);
  });

  /* 300 of 400 messages fall due while the server sleeps: who waits for answers before it sends
     again would see one late message, and a median of nothing. */
  test('charges a server that stands still for all that waited', async () => {
    const { latency_us: latency, lost } = await against({ pause: 300 }, 'rooms', { clients: 2, rate: 1000, messages: 400, seconds: 30, drain: 20 });
    assert.ok(latency.max >= 300_000 && latency.p99 >= 250_000 && latency.p50 >= 50_000, JSON.stringify(latency));
    assert.deepEqual([latency.count, lost], [800, 0]);
  });

  test('counts handshakes, each on a connection of its own', async () => {
    const said = await against({}, 'handshakes', { clients: 2, seconds: 1 });
    assert.ok(said.done > 0 && said.failed === 0, JSON.stringify(said));
    assert.equal(said.latency_us.count, said.done);
  });
});

describe('the generator, REST', { concurrency: true }, () => {
  let server;
  let folder;
  let failures = 0;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'parley-bench-'));
    server = createServer((request, response) => {
      failures += request.url === '/bad';
      response.writeHead(request.url === '/bad' ? 500 : 200);
      response.write('{"some":'); /* two writes: chunked */
      setImmediate(() => response.end('"thing"}'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  const lines = async (...rows) => {
    const file = path.join(folder, rows.join('').replace(/\W/g, ''));
    await writeFile(file, rows.map((row) => `${row}\n`).join(''));
    return file;
  };

  test('counts answers that are errors', async () => {
    const file = await lines('GET\t/good', 'POST\t/bad\ttoken\t{"a":1}');
    const said = await generate('rest', { port: server.address().port, clients: 2, file, seconds: 1, warmup: 0 });
    assert.ok(said.errors >= failures - 1 && said.errors <= failures && failures > 0, JSON.stringify({ ...said, failures }));
    assert.ok(said.done > said.errors - 2 && said.latency_us.count === said.done, JSON.stringify(said));
  });

  test('counts who is not let in, and then sends nothing', async () => {
    const said = await generate('rooms', { port: server.address().port, clients: 3, seconds: 1, warmup: 0 });
    assert.deepEqual([said.ready, said.failed, said.sent, said.per_s], [0, 3, 0, 0]);
  });

  after(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
});

describe('the generator, alone', () => {
  test('says how busy it was, and from when on that is a bound', async (t) => {
    const idle = await against({}, 'rooms', { clients: 2, rate: 20, seconds: 1 });
    assert.ok(idle.busy < 0.9 && !idle.lower_bound, JSON.stringify(idle));
    /* Nothing comes back, so it does nothing but send; unless others have the cores, hence nice. */
    let flat;
    for (let i = 0; i < 4 && !flat?.lower_bound; i++) {
      flat = await against({ drop: 1 }, 'rooms', { rate: 100_000_000, messages: 100_000, seconds: 30, drain: 0 }, ['nice', '-n', '-20']);
      assert.equal(flat.lost, 100_000);
      assert.ok(flat.lower_bound ? flat.busy >= 0.9 : flat.busy <= 0.9, JSON.stringify(flat));
    }
    if (!flat.lower_bound) t.skip(`the machine left the generator ${flat.busy} of a core`);
  });
});

describe('the scenarios', () => {
  const named = (name) => SCENARIOS.find((each) => each.name === name);

  test('are what the goals are about, with those they compare', () => {
    for (const { scenario, peer, other } of GOALS) {
      for (const each of [peer, other].filter(Boolean)) assert.ok(named(scenario)?.peers.includes(each), `${scenario}: ${each}`);
    }
  });

  test('have a name, a group and peers for people, and a row in README.md', async () => {
    const text = await readFile(new URL('README.md', import.meta.url), 'utf8');
    const rows = text.split('\n').filter((line) => line.startsWith('| `')).map((line) => line.split('|').slice(1, 3));
    const documented = new Map(rows.flatMap(([names, unit]) => [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => [name, unit.trim()])));
    for (const { name, group, unit, peers } of SCENARIOS) {
      assert.equal(documented.get(name), unit, `${name} in README.md`);
      assert.ok(group in GROUPS && peers.every((peer) => peer in PEERS && documented.has(peer)), name);
    }
    assert.equal(new Set(SCENARIOS.map(({ name }) => name)).size, SCENARIOS.length);
  });
});

/* ---- what becomes of the numbers ---- */

const entry = (value, run = {}) => summary([value, value * 0.9, value * 1.1], [run, {}, {}]);
const row = (name, peers, more = {}) => ({ name, group: 'library', title: `title of ${name}`, unit: 'deliveries/s', better: 'more', peers, ...more });
const GOAL = { scenario: 'a', peer: 'parley', other: 'nest', op: '>=', wanted: 5, what: '>= 5 of Nest' };
const ABSOLUTE = { scenario: 'a', peer: 'parley', other: null, op: '<=', wanted: 4, what: '<= 4 KiB' };
const judged = (goal, peers, more) => judge([row('a', peers, more)], [goal])[0];

describe('the numbers', () => {
  test('median and spread', () => {
    assert.deepEqual([median([3, 1, 2]), median([4, 1, 3, 2]), median([7])], [2, 2.5, 7]);
    assert.deepEqual([spread([90, 110, 100]), spread([0, 0, 0]), spread([0, 0, 3])], [0.2, 0, 3]);
  });

  test('a goal is met, or missed, at the median', () => {
    assert.deepEqual(judged(GOAL, { parley: entry(500), nest: entry(100) }), { ...GOAL, got: 5, met: true });
    assert.deepEqual(judged(GOAL, { parley: entry(490), nest: entry(100) }), { ...GOAL, got: 4.9, met: false });
    assert.equal(judged({ ...GOAL, op: '<=', wanted: 0.5 }, { parley: entry(51), nest: entry(100) }, { better: 'less', unit: 'ms' }).met, false);
    assert.deepEqual(judged(ABSOLUTE, { parley: entry(4) }, { better: 'less', unit: 'KiB' }), { ...ABSOLUTE, got: 4, met: true });
    assert.equal(judged(ABSOLUTE, { parley: entry(4.1) }, { better: 'less', unit: 'KiB' }).met, false);
  });

  test('a goal is open where the generator may have turned it over, and only there', () => {
    const bound = { lower_bound: true };
    const met = (ours, theirs, more) => judged(GOAL, { parley: entry(...ours), nest: entry(...theirs) }, more).met;
    assert.equal(met([500, bound], [100]), true, 'at least that fast');
    assert.equal(met([490, bound], [100]), null, 'perhaps faster');
    assert.equal(met([500], [100, bound]), null, 'the other perhaps faster');
    assert.equal(met([490], [100, bound]), false, 'the other at least that fast');
    assert.equal(met([500, bound], [100, bound]), null);
    assert.equal(met([490, bound], [100, bound]), null);
    const slower = (ours, theirs) => judged({ ...GOAL, op: '<=', wanted: 0.5 }, { parley: entry(...ours), nest: entry(...theirs) }, { better: 'less', unit: 'ms' }).met;
    assert.equal(slower([50, bound], [100]), true, 'at most that slow');
    assert.equal(slower([51, bound], [100]), null);
    assert.equal(slower([51], [100, bound]), false);
    assert.equal(slower([50], [100, bound]), null);
    assert.equal(judged(ABSOLUTE, { parley: entry(5, bound) }, { better: 'less', unit: 'KiB' }).met, false, 'memory does not wait');
  });

  test('who lost anything has not met a goal', () => {
    const { met, why } = judged(GOAL, { parley: entry(900, { lost: 3, refused: 2 }), nest: entry(100) });
    assert.deepEqual([met, why], [false, '3 lost, 2 refused']);
    assert.equal(judged(GOAL, { nest: entry(100) }, { failed: { parley: 'exit 1' } }).met, false);
  });

  test('nothing is made of what was not measured', () => {
    assert.deepEqual(judge([], [GOAL])[0], { ...GOAL, got: null, met: null, why: 'it was not run' });
    assert.deepEqual(judged(GOAL, { parley: entry(500) }), { ...GOAL, got: null, met: null, why: 'nest was not' });
    assert.equal(judged(GOAL, { parley: entry(500), nest: entry(0) }).met, null);
  });

  test('numbers are short', () => {
    assert.deepEqual([812_345.6, 99.94, 4.2049, 0.0299, 0, NaN].map(number), ['812,346', '99.9', '4.2', '0.0299', '0', '-']);
  });
});

describe('the report', () => {
  const scenarios = [
    row('room-1000-16', { 'node-socketio': entry(100), 'baseline-coalesce': entry(2000), 'parley-library': entry(1500) }),
    row('room-1000-1', { 'node-socketio': entry(100), socketioxide: entry(500, { lost: 7 }), 'parley-library': entry(400, { lower_bound: true }) }),
    row('latency-30', { 'node-socketio': entry(14), 'parley-library': entry(11) }, { unit: 'ms', better: 'less', failed: { baseline: 'no <answer> & gone' } }),
    row('storm-5000', { 'node-socketio': entry(0), 'parley-library': entry(0) }, { unit: 'joins', better: 'less' }),
    row('growth-x-10', { parley: entry(10) }, { group: 'growth' }),
    row('growth-x-100', { parley: entry(5) }, { group: 'growth' }),
  ];
  const result = {
    date: '2000-01-01T00:00:00Z', commit: 'abc', quick: false, runs: 3, seconds: 4, scenarios, goals: judge(scenarios),
    machine: { cpu: 'a CPU', cores: 2, memory_mib: 512, kernel: '6.1', load: 0.5 }, versions: { node: '20', parley: '1' },
    skipped: { nest: 'there is no npm here' }, costs: {
      'room-1000-1': {
        'parley-library': { sends_per_s: 4, cpu_us: { server: 1.5, total: 1.5 }, wal: { skipped: 'no database' }, syscalls: { skipped: 'no perf' }, parts: { share: { parse: 1 }, us_per_send: { parse: 1.25 }, functions: 'memcpy 40.0 %, send 3.1 %' } },
      },
    },
  };

  for (const [name, said] of [['text', textReport(result)], ['Markdown', markdown(result)]]) {
    test(`as ${name} has what was skipped, lost, missed, bounded, and what failed`, () => {
      assert.match(said, /Nest \+ pg: there is no npm here/);
      assert.match(said, /7 lost/i);
      assert.match(said, /MISSED: 0\.75x/);
      assert.match(said, /≥ 4x/);
      assert.match(said, /no <answer> & gone/);
      assert.match(said, /15x/);
      assert.match(said, /0\.5x/);
      assert.match(said, new RegExp(`1 of ${GOALS.length} goals met, 1 missed`));
    });
  }

  test('has what a send costs', () => {
    const said = markdown(result);
    assert.match(said, /^\| CPU µs per send: server \| 1\.5 \|$/m);
    assert.match(said, /^\| of its process, µs per send: parse \| 1\.25 \|$/m);
    assert.match(said, /most time in memcpy 40\.0 %, send 3\.1 %; system calls: not measured, no perf$/m);
    assert.doesNotMatch(said, /no database/);
  });

  test('a quick run says that it is no measurement', () => {
    assert.match(markdown({ ...result, quick: true, runs: 1 }), /not for comparison/);
    assert.doesNotMatch(markdown(result), /not for comparison/);
  });

  test('replaces what is between the markers, and nothing else', () => {
    const once_ = replaced('before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n', 'new');
    assert.equal(once_, 'before\n<!-- bench:begin -->\n\nnew\n\n<!-- bench:end -->\nafter\n');
    assert.equal(replaced(once_, 'new'), once_);
    assert.throws(() => replaced('no markers', 'new'), /bench:begin/);
  });

  test('the picture has every peer and every missed goal, and no markup but its own', () => {
    const svg = plot({ ...result, scenarios: [...scenarios, row('odd', { '<odd>': entry(3) })] });
    assert.match(svg, /^<svg .*<\/svg>\n$/s);
    assert.doesNotMatch(svg, /<odd>|NaN|undefined|Infinity/);
    assert.match(svg, /class="goal missed"/);
    assert.match(svg, /class="bad">[^<]*7 lost/);
    assert.match(svg, /prefers-color-scheme: dark/);
    for (const { title } of scenarios) assert.ok(svg.includes(title), title);
  });
});
