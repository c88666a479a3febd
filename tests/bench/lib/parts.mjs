/*
 * Which part of a message's way a stack of calls belongs to. The table is here alone; a stack goes to the part of the
 * innermost function that is in it, so that memcpy or a system call count for who called them.
 */

export const PARTS = ['read', 'parse', 'queue', 'SQL', 'publish', 'relay', 'answer', 'write', 'loop', 'other'];

/* Functions whose file does more than one thing. */
const FUNCTIONS = {
  publish: ['relay_publish', 'event_props_encode', 'event_topic', 'event_topic_of', 'props_add'],
  answer: ['command_answer', 'answer', 'chat_command_body', 'sio_ack'],
  write: ['net_write', 'net_write_paced', 'net_send'],
};

/* Source files of ours, folder/name. One that is not here is a helper: whoever called it decides. */
const FILES = [
  ['parse', /^shared\/base\/(json_scan|json_find|utf8)$/],
  ['parse', /^shared\/chat\/(decode|nonce|rules|event_name)$/],
  ['parse', /^shared\/auth\/digest$/],
  ['parse', /^broker\/(sio\/(packet|placeholder|dispatch)|eio\/(packet|ws_reader|fields|query|check|base64)|net\/http\w*)$/],
  ['queue', /^broker\/gateway\/(writers|pool|command|seqlog|times)$/],
  ['queue', /^shared\/chat\/(chat|command|step|gate|permission)$/],
  ['SQL', /^shared\/(db|store)\//],
  ['SQL', /^shared\/chat\/send$/],
  ['publish', /^shared\/bus\//],
  ['relay', /^broker\/gateway\/(relay|livelog|room|ring|record|offset|user|news)$/],
  ['relay', /^shared\/chat\/(render|event)$/],
  ['relay', /^broker\/sio\/room$/],
  ['answer', /^shared\/chat\/answer$/],
  ['write', /^broker\/net\/writer$/],
  ['read', /^broker\/net\/(ws|conn|listener)$/],
  ['loop', /^broker\/net\/loop$/],
];

const LIBRARIES = [
  ['SQL', /^libpq\.so/],
  ['publish', /^libmosquitto\.so/],
  ['loop', /^lib(ev|websockets)(-[a-z]+)?\.so/],
];

const matching = (table, text) => table.find(([, pattern]) => pattern.test(text))?.[0];
const functionParts = new Map(Object.entries(FUNCTIONS).flatMap(([part, names]) => names.map((name) => [name, part])));

/* What the compiler has made of a function: part of it, a copy of it. */
const plain = (name) => name.replace(/(\.(part|constprop|isra|cold|lto_priv)(\.\d+)?)+$/, '');

/** The folder of the sources whose objects are in an archive of ours. */
export function folderOf(archive) {
  const [, kind, name] = /^lib(parley|sio)-(.+)\.a$/.exec(archive) ?? [];
  if (!kind) return undefined;
  return kind === 'sio' || name === 'gateway' || name === 'mqtt-plugin' ? `broker/${name}` : `shared/${name}`;
}

/** What `nm -A` says of our archives: function -> the files with one of that name. */
export function functionFiles(text) {
  const files = new Map();
  for (const [, archive, object, name] of text.matchAll(/^(?:\S*\/)?([^/\s:]+\.a):(\S+)\.o:[0-9a-f]+ [tTwW] (\S+)$/gm)) {
    const folder = folderOf(archive);
    if (!folder) continue;
    const file = `${folder}/${object.replace(/^.*\//, '')}`;
    files.set(plain(name), (files.get(plain(name)) ?? new Set()).add(file));
  }
  return files;
}

/* The part of one frame; '': of ours, but a helper; undefined: not ours. */
function partOfFrame({ name, library }, files) {
  const own = files.get(plain(name));
  if (!own || /\.so(\.|$)/.test(library)) return matching(LIBRARIES, library);
  const parts = new Set([...own].map((file) => functionParts.get(plain(name)) ?? matching(FILES, file) ?? ''));
  return parts.size === 1 ? [...parts][0] : '';
}

/** The part of a stack, innermost frame first: [{name, library}]. */
export function partOf(stack, files) {
  let helped = false;
  for (const frame of stack) {
    const part = partOfFrame(frame, files);
    /* The loop calls everything: what came through others of our functions is not its own. */
    if (part) return part === 'loop' && helped ? 'other' : part;
    if (part === '') helped = true;
  }
  return 'other';
}

/** The samples of `perf script -F tid,time,ip,sym,dso`: [{at_us, stack}]. */
export function samples(text) {
  return text.split('\n\n').flatMap((block) => {
    const [head, ...lines] = block.split('\n').filter(Boolean);
    const at = /\s(\d+)\.(\d{6}):\s*$/.exec(head ?? '');
    if (!at) return [];
    const stack = lines.flatMap((line) => {
      const frame = /^\s*[0-9a-f]+ (.+) \((.*)\)$/.exec(line);
      return frame ? [{ name: frame[1].replace(/\+0x[0-9a-f]+$/, ''), library: frame[2].replace(/^.*\//, '') }] : [];
    });
    return [{ at_us: Number(at[1]) * 1e6 + Number(at[2]), stack }];
  });
}

function counted(items) {
  const counts = new Map();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

const MOST = 25;
const isInKernel = ({ stack }) => /^\[/.test(stack[0]?.library ?? '');
const percent = (count, all) => `${((100 * count) / all).toFixed(1)} %`;

/** What part each has of the time, how much of all was in the kernel, and the functions that took most by themselves. */
export function profile(all, files) {
  const parts = new Map(counted(all.map(({ stack }) => partOf(stack, files))));
  return {
    samples: all.length,
    share: Object.fromEntries(PARTS.map((part) => [part, (parts.get(part) ?? 0) / all.length])),
    kernel: all.filter(isInKernel).length / all.length,
    functions: counted(all.map(({ stack }) => stack[0]?.name ?? '?')).slice(0, MOST).map(([name, count]) => `${name} ${percent(count, all.length)}`).join(', '),
  };
}
