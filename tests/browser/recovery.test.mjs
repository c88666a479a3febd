/* What a page goes through when its broker stops or is killed, and Swagger UI on the running system. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { started } from '../integration/lib/instance.mjs';
import { PASSWORD, signup, signups, unique } from '../integration/lib/users.mjs';
import { accessible, context, counts, enter, launch, live, missing, openRoom, screenshot, shows, write } from './lib.mjs';

const instance = missing ? null : await started({ after });
const browser = missing ? null : await launch(after);

/* End the broker, and keep sending until a new one has taken over. Returns what was sent. */
async function sendAcross(user, room, signal) {
  const before = (await instance.refresh()).pids.brokers[0];
  const texts = [];
  const say = async (text) => {
    await user.say(room, text);
    texts.push(text);
  };
  for (let i = 0; i < 5; i++) await say(`before ${i}`);
  process.kill(before, signal);
  for (let i = 0; i < 20; i++) await say(`during ${i}`);
  await instance.ready();
  await say('after');
  return texts;
}

describe('a page whose broker goes', { skip: missing }, () => {
  for (const [signal, status] of [['SIGTERM', 'recovered'], ['SIGKILL', 'reloaded']]) {
    test(`${signal}: back by itself, ${status}, no message lost or doubled`, async (t) => {
      const [ann, bob] = await signups(instance, 2);
      const room = unique('across');
      await ann.create(room);
      await bob.join(room);
      const page = await enter(t, browser, instance, bob);
      await openRoom(page, room);
      const said = [];
      page.on('console', (line) => said.push(line.text()));
      await page.evaluate(() => {
        window.statuses = [];
        new MutationObserver(() => window.statuses.push(document.getElementById('status').dataset.status))
          .observe(document.getElementById('status'), { attributes: true });
      });
      const texts = await sendAcross(ann, room, signal);
      await shows(page, texts);
      const statuses = await page.evaluate(() => window.statuses);
      assert.ok(statuses.includes('offline'), `it says that it is offline: ${statuses}`);
      assert.ok(statuses.includes(status), `and then that it was ${status}: ${statuses}`);
      await write(page, 'and I can answer');
      await shows(page, [...texts, 'and I can answer']);
    });
  }

  test('what is written while offline is sent once the broker is back, once', async (t) => {
    const ann = await signup(instance);
    const room = unique('patient');
    await ann.create(room);
    const page = await enter(t, browser, instance, ann);
    await openRoom(page, room);
    const [broker] = (await instance.refresh()).pids.brokers;
    process.kill(broker, 'SIGKILL');
    await live(page, 'offline');
    await write(page, 'sent into the void');
    await page.waitForSelector('#messages li.pending:has-text("sent into the void")');
    await screenshot(page, 'offline');
    await shows(page, ['sent into the void']);
    await counts(page, '#messages li.pending', 0);
    assert.deepEqual((await ann.allMessages(room)).filter((each) => each.kind === 'text').map((each) => each.text), ['sent into the void']);
  });
});

describe('the API pages', { skip: missing }, () => {
  test('Swagger UI: log in, authorize, post a message', async (t) => {
    const ann = await signup(instance);
    const room = unique('swagger');
    await ann.create(room);
    const page = await (await context(t, browser, { viewport: { width: 1200, height: 1000 } })).newPage();
    await page.goto(`${instance.http}/api`);

    const execute = async (method, path, { body, params = {} } = {}) => {
      const block = page.locator(`.opblock-${method}`, { has: page.locator(`[data-path="/api/v1${path}"]`) }).or(
        page.locator(`.opblock-${method}`, { has: page.locator(`[data-path="${path}"]`) })).first();
      await block.locator('.opblock-summary-control').click();
      await block.getByRole('button', { name: 'Try it out' }).click();
      for (const [name, value] of Object.entries(params)) await block.locator(`tr[data-param-name="${name}"] input`).fill(value);
      if (body) await block.locator('textarea.body-param__text').fill(JSON.stringify(body));
      await block.getByRole('button', { name: 'Execute' }).click();
      const live_ = block.locator('.live-responses-table .response');
      await live_.waitFor();
      return { status: await live_.locator('.response-col_status').innerText(), text: await live_.locator('.highlight-code, pre').first().innerText() };
    };

    const login = await execute('post', '/auth/login', { body: { username: ann.username, password: PASSWORD } });
    assert.match(login.status, /^200/);
    const token = /"accessToken":\s*"([^"]+)"/.exec(login.text)[1];
    await page.locator('.auth-wrapper .authorize').first().click();
    await page.locator('.modal-ux input').first().fill(token);
    await page.locator('.modal-ux button[type=submit]').first().click();
    await page.locator('.modal-ux .btn-done').first().click(); // one for each scheme
    const posted = await execute('post', '/channels/{name}/messages', { params: { name: room }, body: { text: 'from Swagger UI' } });
    assert.match(posted.status, /^201/);
    await screenshot(page, 'swagger');
    assert.equal((await ann.allMessages(room)).at(-1).text, 'from Swagger UI');
  });

  test('the events page has every event, and reads well', async (t) => {
    const page = await (await context(t, browser)).newPage();
    await page.goto(`${instance.http}/api/events`);
    for (const name of ['sendMessage', 'banUser', 'newMessage', 'updateChatHistory', 'parley/v1/rooms/{roomId}']) {
      await page.locator('main h3', { hasText: name }).first().waitFor();
    }
    await accessible(page, 'events');
    await screenshot(page, 'events');
  });
});
