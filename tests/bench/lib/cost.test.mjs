/* What is computed of what was measured, without measuring anything. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { costs, countsPerSecond, perSend, shape, times, walPerSend, walRecords, within } from './cost.mjs';
import { PARTS, folderOf, functionFiles, partOf, profile, samples } from './parts.mjs';

const BROKER = 'parley-broker';
const KERNEL = '[kernel.kallsyms]';
const stack = (...frames) => frames.map((frame) => (typeof frame === 'string' ? { name: frame, library: BROKER } : { name: frame[0], library: frame[1] }));

const files = functionFiles(`
/build/libsio-net.a:writer.o:0000000000000010 T net_write
/build/libsio-net.a:writer.o:0000000000000010 t write_some
/build/libsio-net.a:listener.o:0000000000000010 t on_dirty
/build/libsio-net.a:loop.o:0000000000000010 t run_defers
/build/libsio-net.a:ws.o:0000000000000010 T ws_input
/build/libsio-net.a:loop.o:0000000000000010 d not_a_function
/build/libsio-sio.a:packet.o:0000000000000010 T sio_packet_parse.part.0
/build/libparley-base.a:json_scan.o:0000000000000010 T json_scan
/build/libparley-base.a:buf.o:0000000000000010 T buf_add
/build/libparley-gateway.a:relay.o:0000000000000010 t on_ready
/build/libparley-gateway.a:relay.o:0000000000000010 T relay_publish
/build/libparley-gateway.a:command.o:0000000000000010 T command_on_event
/build/libparley-gateway.a:command.o:0000000000000010 t answer
/build/libparley-gateway.a:room.o:0000000000000010 t start
/build/libparley-gateway.a:writers.o:0000000000000010 t start
/build/libparley-gateway.a:writers.o:0000000000000010 t writer_thread
/build/libparley-gateway.a:connect.o:0000000000000010 T connect_start
/build/libparley-db.a:pipeline.o:0000000000000010 T db_pipeline_run
`);

describe('a stack', () => {
  test('belongs to the innermost of our functions that has a part', () => {
    assert.equal(partOf(stack('json_scan', 'sio_packet_parse', 'ws_input', 'run_defers'), files), 'parse');
    assert.equal(partOf(stack('sio_packet_parse.part.0', 'ws_input'), files), 'parse');
    assert.equal(partOf(stack(['tcp_sendmsg', KERNEL], ['sendmsg', 'libc.so.6'], 'write_some', 'net_write', 'on_dirty'), files), 'write');
    assert.equal(partOf(stack(['recv', 'libc.so.6'], ['PQconsumeInput', 'libpq.so.5.15'], 'db_pipeline_run', 'writer_thread'), files), 'SQL');
    assert.equal(partOf(stack(['futex_wait', KERNEL], ['pthread_cond_wait', 'libc.so.6'], 'writer_thread'), files), 'queue');
    assert.equal(partOf(stack(['send', 'libc.so.6'], ['packet__write', 'libmosquitto.so.1'], 'relay_publish', 'answer'), files), 'publish');
  });

  test('of a helper belongs to who called it', () => {
    assert.equal(partOf(stack(['memcpy', 'libc.so.6'], 'buf_add', 'answer', 'command_on_event'), files), 'answer');
    assert.equal(partOf(stack('buf_add', 'json_scan'), files), 'parse');
  });

  test('with a name that several parts have goes by the next one', () => {
    assert.equal(partOf(stack('start', 'command_on_event'), files), 'queue');
    assert.equal(partOf(stack('start', 'ws_input'), files), 'read');
  });

  test('is the loop\'s only if none of our functions lies between; what is unknown is other', () => {
    assert.equal(partOf(stack(['epoll_wait', 'libc.so.6'], ['ev_run', 'libev.so.4.0.0']), files), 'loop');
    assert.equal(partOf(stack('run_defers', ['ev_run', 'libev.so.4.0.0']), files), 'loop');
    assert.equal(partOf(stack('connect_start', 'run_defers'), files), 'other');
    assert.equal(partOf(stack(['start_thread', 'libc.so.6']), files), 'other');
    assert.equal(partOf([], files), 'other');
  });
});

test('archives have folders', () => {
  assert.equal(folderOf('libsio-eio.a'), 'broker/eio');
  assert.equal(folderOf('libparley-gateway.a'), 'broker/gateway');
  assert.equal(folderOf('libparley-chat.a'), 'shared/chat');
  assert.equal(folderOf('libother.a'), undefined);
  assert.ok(!files.has('not_a_function'));
});

const SCRIPT = `28508 39672.636059: 
	ffffffff813600e2 tcp_sendmsg ([kernel.kallsyms])
	            614b [unknown] (/usr/lib/libc.so.6)
	            3fff net_write+0x12 (/build/parley-broker)

28507 39672.637376: 
	           f8350 ws_input (/build/parley-broker)

`;

test('the output of perf script is read, and its shares are of all', () => {
  const all = samples(SCRIPT);
  assert.deepEqual(all.map(({ at_us: at }) => at), [39672636059, 39672637376]);
  assert.deepEqual(all[0].stack[2], { name: 'net_write', library: 'parley-broker' });
  const { share, kernel, functions } = profile(all, files);
  assert.deepEqual(Object.keys(share), PARTS);
  assert.equal(share.write, 0.5);
  assert.equal(share.read, 0.5);
  assert.equal(kernel, 0.5);
  assert.equal(functions, 'tcp_sendmsg 50.0 %, ws_input 50.0 %');
  assert.deepEqual(samples(''), []);
});

test('time is read behind any name, and of ended children only when asked for', () => {
  const stat = '17 (a) S (b)) S 1 17 17 0 -1 4194560 100 200 0 0 30 12 5 3 20 0 4 0 100 1000 50';
  assert.deepEqual(times(stat, false), { user: 300_000, system: 120_000 });
  assert.deepEqual(times(stat, true), { user: 350_000, system: 150_000 });
});

const sample = (at, user, system) => ({ at_us: at * 1e6, cpu: { broker: { user, system }, postgres: { user: 2 * user, system: 0 } } });

test('what a send costs is of the samples within the window', () => {
  const all = [sample(0, 0, 0), sample(1, 1000, 500), sample(2, 2000, 1000), sample(3, 3000, 1500), sample(4, 9000, 9000)];
  const ends = within(all, { from_us: 0.5e6, until_us: 3.5e6 });
  const { sends, cpu_us: cpu, system_us: system } = perSend(ends, 10);
  assert.equal(sends, 20);
  assert.deepEqual(cpu, { broker: 150, postgres: 200, total: 350 });
  assert.equal(system.broker, 50);
  assert.deepEqual(within(all, undefined), [all[0], all[4]]);
  assert.throws(() => within(all, { from_us: 9e6, until_us: 10e6 }));
});

test('system calls are counted in whole periods of the window', () => {
  const line = (at, text) => ({ at_us: at * 1e6, text });
  const lines = [
    line(10.25, '     0.250000,1000,,raw_syscalls:sys_enter,250000,100.00,,'),
    line(10.5, '     0.500000,100,,raw_syscalls:sys_enter,250000,100.00,,'),
    line(10.75, '     0.750000,<not counted>,,raw_syscalls:sys_enter,0,100.00,,'),
    line(11, '     1.000000,1000,,raw_syscalls:sys_enter,250000,100.00,,'),
  ];
  assert.equal(countsPerSecond(lines, { from_us: 10.25e6, until_us: 10.8e6 }), 200);
  assert.equal(countsPerSecond(lines), 2100);
  assert.equal(countsPerSecond([], { from_us: 0, until_us: 1 }), null);
});

const WALDUMP = `WAL statistics between 0/16DE0C8 and 0/16F0000:
Type                                           N      (%)          Record size      (%)             FPI size      (%)        Combined size      (%)
----                                           -      ---          -----------      ---             --------      ---        -------------      ---
Transaction/COMMIT                            12 (  2.76)                  408 (  0.97)                    0 (  0.00)                  408 (  0.64)
Heap/INSERT                                  400 ( 91.95)                40000 ( 95.05)                    0 (  0.00)                40000 ( 62.91)
XLOG/FPI                                       3 (  0.69)                  147 (  0.35)                21000 (100.00)                21147 ( 33.26)
                                        --------                      --------                      --------                      --------
Total                                        415                         40555 [63.8%]                 21000 [33.0%]                 63582 [100%]
`;

test('the log is told by its records', () => {
  const records = walRecords(WALDUMP);
  assert.deepEqual(records['Heap/INSERT'], { count: 400, bytes: 40000, images: 0 });
  const { commits, records: count, page_images_bytes: images, bytes_by_record: bytes } = walPerSend(records, 400);
  assert.equal(commits, 0.03);
  assert.equal(count, 415 / 400);
  assert.equal(images, 52.5);
  assert.deepEqual(Object.keys(bytes), ['Heap/INSERT', 'XLOG/FPI', 'Transaction/COMMIT']);
});

test('the generator says how many and to how many', () => {
  assert.deepEqual(shape({ window: { sends: 800 }, sent: 1000, seconds: 4, deliveries: 8000 }), { rate: 200, members: 10 });
  assert.deepEqual(shape({ sent: 1000, seconds: 4, deliveries: 1000 }), { rate: 250, members: 1 });
});

test('a load that fails costs the numbers, not the run', async () => {
  const during = () => Promise.reject(new Error('no connection'));
  assert.deepEqual(await costs({ pids: { test: [process.pid] }, during }), { skipped: 'no connection' });
});
