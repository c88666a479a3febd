/* Users and rooms for a fault test. */
import { started } from '../../integration/lib/instance.mjs';
import { signups, unique } from '../../integration/lib/users.mjs';

export const LONG = process.env.PARLEY_LONG === '1';

/** An instance whose tokens outlive the test, and whose limits it does not meet by accident. */
export function instanceFor(t, { brokers = 1, set = {}, prepare } = {}) {
  return started(t, {
    prepare,
    args: ['--brokers', String(brokers)],
    set: { 'auth.access_ttl_s': 86400, 'limits.connections_per_user': 10000, 'limits.connections_per_address': 20000, ...set },
  });
}

/** {users, rooms, topics}: everybody is in every room. */
export async function scene(instance, { users: count = 4, rooms: roomCount = 3 } = {}) {
  const users = await signups(instance, count);
  const rooms = Array.from({ length: roomCount }, () => unique('room'));
  const topics = {};
  for (const room of rooms) {
    topics[room] = (await users[0].create(room)).topic;
    await Promise.all(users.slice(1).map((each) => each.join(room)));
  }
  return { users, rooms, topics };
}
