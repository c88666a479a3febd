/* The web client as people use it: two browsers, private rooms, conversations, moderation, looks. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { shared } from '../integration/lib/instance.mjs';
import { PASSWORD, signup, signups, unique } from '../integration/lib/users.mjs';
import { accessible, composes, context, counts, enter, launch, live, missing, openRoom, screenshot, shows, write } from './lib.mjs';

const instance = missing ? null : await shared({ after });
const browser = missing ? null : await launch(after);
const toast = (page) => page.locator('#toast:not([hidden])');

describe('the web client', { skip: missing }, () => {
  test('one signs up, makes a channel, and is still in after a reload', async (t) => {
    const page = await (await context(t, browser)).newPage();
    const [name, room] = [unique('new'), unique('room ')];
    await page.goto(instance.http);
    await page.fill('#door-name', name);
    await page.fill('#door-password', 'short');
    await page.getByRole('button', { name: 'Sign up' }).click();
    await page.waitForSelector('#door-error:has-text("password")');
    await accessible(page, 'the door');
    await page.fill('#door-password', PASSWORD);
    await page.getByRole('button', { name: 'Sign up' }).click();
    await live(page);
    await page.getByRole('button', { name: 'New' }).click();
    await page.fill('dialog input[name=name]', room);
    await page.getByRole('button', { name: 'Create' }).click();
    await page.waitForSelector(`#room-title:has-text("${room}")`);
    await page.waitForSelector('#room-about:has-text("you are its owner")');
    await write(page, 'first words');
    await shows(page, ['first words']);
    await page.reload();
    await live(page);
    await shows(page, ['first words']);
    await page.getByRole('button', { name: 'Account and settings' }).click();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.waitForSelector('#door:not([hidden])');
    await page.fill('#door-name', name);
    await page.fill('#door-password', 'not the password');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.waitForSelector('#door-error:not(:empty)');
  });

  test('two chat: messages, typing, unread counts, edits, deletes', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const [room, other] = [unique('talk'), unique('other')];
    await ann.create(room);
    await ann.create(other);
    await bob.join(room);
    await bob.join(other);
    const [a, b] = [await enter(t, browser, instance, ann), await enter(t, browser, instance, bob)];
    await openRoom(a, room);
    await openRoom(b, room);
    await write(a, 'Hello, bob!');
    await shows(b, ['Hello, bob!']);
    await b.locator('#compose-text').pressSequentially('Hi');
    await a.waitForSelector(`#typing:has-text("${bob.username} is typing")`);
    await b.press('#compose-text', 'Enter');
    await shows(a, ['Hello, bob!', 'Hi']);
    await a.waitForFunction(() => document.getElementById('typing').textContent === '');

    await b.press('#compose-text', 'ArrowUp');
    await write(b, 'Hi, ann!');
    await shows(a, ['Hello, bob!', 'Hi, ann! (edited)']);
    await screenshot(a, 'chat');
    const line = a.locator('#messages li', { hasText: 'Hello, bob!' });
    await line.hover();
    await line.getByRole('button', { name: 'Delete this message' }).click();
    await a.locator('dialog').getByRole('button', { name: 'Delete' }).click();
    await shows(b, ['This message was deleted.', 'Hi, ann! (edited)']);

    await openRoom(a, other);
    await write(b, 'are you there?');
    await a.waitForSelector(`#room-list button[aria-label*="${room}"][aria-label*="1 unread"]`);
    await openRoom(a, room);
    await a.waitForSelector(`#room-list button[aria-label*="${room}"]:not([aria-label*="unread"])`);
  });

  test('markup in a message is text', async (t) => {
    const ann = await signup(instance);
    const room = unique('evil');
    await ann.create(room);
    const evil = '<img src=x onerror="document.title=1"><script>alert(1)</script>';
    await ann.say(room, evil);
    const page = await enter(t, browser, instance, ann);
    await openRoom(page, room);
    await shows(page, [evil]);
    assert.equal(await page.locator('#messages img, #messages script').count(), 0);
    const policy = (await page.request.get(instance.http)).headers()['content-security-policy'];
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
  });

  test('a private channel: the wrong password, then the right one', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const room = unique('secret');
    await ann.create(room, 'PRIVATE', 'sesame');
    await ann.say(room, 'only for us');
    const page = await enter(t, browser, instance, bob);
    await page.getByRole('button', { name: 'Browse' }).click();
    await page.fill('dialog input[name=name]', room);
    await page.fill('dialog input[name=password]', 'wrong');
    await page.locator('dialog').getByRole('button', { name: 'Join', exact: true }).click();
    await page.waitForSelector('dialog .error:has-text("password is wrong")');
    await page.fill('dialog input[name=password]', 'sesame');
    await page.locator('dialog').getByRole('button', { name: 'Join', exact: true }).click();
    await page.waitForSelector(`#room-title:has-text("${room}")`);
    await shows(page, ['only for us']);
  });

  test('a public channel is found and joined', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const room = unique('open');
    await ann.create(room);
    const page = await enter(t, browser, instance, bob);
    await page.getByRole('button', { name: 'Browse' }).click();
    await page.fill('dialog input[type=search]', room);
    await page.getByRole('button', { name: `Join ${room}` }).click();
    await page.waitForSelector(`#room-title:has-text("${room}")`);
  });

  test('a conversation: the other is told at once', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const [a, b] = [await enter(t, browser, instance, ann), await enter(t, browser, instance, bob)];
    await a.getByRole('button', { name: 'New' }).click();
    await a.selectOption('dialog select[name=status]', 'DIRECT');
    await a.fill('dialog input[name=name]', bob.username);
    await a.getByRole('button', { name: 'Create' }).click();
    await a.waitForSelector(`#room-title:text-is("${bob.username}")`);
    await write(a, 'psst');
    await toast(b).filter({ hasText: 'direct channel' }).waitFor();
    await openRoom(b, ann.username);
    await shows(b, ['psst']);
    await write(b, 'yes?');
    await shows(a, ['psst', 'yes?']);
  });

  test('a ban takes effect before the eyes of the banned', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const room = unique('strict');
    await ann.create(room);
    await bob.join(room);
    const [a, b] = [await enter(t, browser, instance, ann), await enter(t, browser, instance, bob)];
    await openRoom(a, room);
    await openRoom(b, room);
    await write(b, 'buy my things');
    await shows(a, ['buy my things']);
    await a.getByRole('button', { name: 'Members' }).click();
    await a.locator('#member-list').getByRole('button', { name: bob.username }).click();
    await a.fill('dialog input[name=reason]', 'selling things');
    await screenshot(a, 'moderation');
    await accessible(a, 'moderation');
    await a.locator('dialog').getByRole('button', { name: 'Ban' }).click();
    await toast(b).filter({ hasText: 'You were banned' }).filter({ hasText: 'selling things' }).waitFor();
    await b.waitForSelector(`#room-list:not(:has-text("${room}"))`);
    await a.waitForSelector(`#member-list:not(:has-text("${bob.username}"))`);
    await a.getByRole('button', { name: 'Channel settings' }).click();
    await a.getByRole('button', { name: 'Banned users' }).click();
    await a.getByRole('button', { name: `Unban ${bob.username}` }).click();
    await a.waitForFunction(() => document.querySelectorAll('dialog .list li').length === 0);
    await bob.join(room);
    await b.locator('#room-list button', { hasText: room }).waitFor();
  });

  test('who is online is seen, and what was said is found', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const room = unique('seen');
    await ann.create(room);
    await bob.join(room);
    const needle = unique('needle');
    await bob.say(room, `a ${needle} in a haystack`);
    const a = await enter(t, browser, instance, ann);
    await openRoom(a, room);
    await a.getByRole('button', { name: 'Members' }).click();
    await a.locator('#member-list').getByRole('button', { name: `${bob.username}, offline` }).waitFor();
    await enter(t, browser, instance, bob);
    await a.locator('#member-list').getByRole('button', { name: `${bob.username}, online` }).waitFor();
    await a.fill('#search-text', needle);
    await a.press('#search-text', 'Enter');
    await a.locator('dialog .result', { hasText: needle }).click();
    await a.waitForSelector(`#messages li.found:has-text("${needle}")`);
  });

  test('passwords, sessions and the end of an account', async (t) => {
    const ann = await signup(instance);
    const [here, there] = [await enter(t, browser, instance, ann), await enter(t, browser, instance, ann)];
    const account = async (name) => {
      await here.getByRole('button', { name: 'Account and settings' }).click();
      await here.locator('dialog').getByRole('button', { name }).click();
    };
    await account('Sessions');
    await counts(here, 'dialog .list li', 3); // two browsers, and the one that signed up
    await here.keyboard.press('Escape');
    await account('Change password');
    await here.fill('dialog input[name=currentPassword]', 'not this one');
    await here.fill('dialog input[name=password]', 'a better one, surely');
    await here.locator('dialog').getByRole('button', { name: 'Change' }).click();
    await here.waitForSelector('dialog .error:not(:empty)');
    await here.fill('dialog input[name=currentPassword]', PASSWORD);
    await here.locator('dialog').getByRole('button', { name: 'Change' }).click();
    await there.waitForSelector('#door:not([hidden])');
    await account('Delete account');
    await here.fill('dialog input[name=currentPassword]', 'a better one, surely');
    await here.locator('dialog').getByRole('button', { name: 'Delete for good' }).click();
    await here.waitForSelector('#door:not([hidden])');
    const answer = await instance.rest('POST', '/auth/login', { body: { username: ann.username, password: 'a better one, surely' } });
    assert.equal(answer.status, 401);
  });

  test('history comes as one scrolls up, and what was looked at stays', async (t) => {
    const ann = await signup(instance);
    const room = unique('long');
    await ann.create(room);
    const texts = Array.from({ length: 130 }, (_, i) => `number ${i}`);
    for (const text of texts) await ann.say(room, text);
    const page = await enter(t, browser, instance, ann);
    await openRoom(page, room);
    await shows(page, texts.slice(-50));
    for (let count = 50; count < 130;) {
      await page.waitForFunction((n) => { /* up, and a little down in between, as one does when nothing comes */
        const scroller = document.getElementById('scroller');
        scroller.scrollTop = scroller.scrollTop > 0 ? 0 : 1;
        return document.querySelectorAll('#messages p.text').length > n;
      }, count);
      count = await page.locator('#messages p.text').count();
    }
    await shows(page, texts);
  });

  test('reads well: contrast, labels, dark, and the width of a phone', async (t) => {
    const ann = await signup(instance);
    const room = unique('looks');
    await ann.create(room);
    await ann.say(room, 'a first message');
    for (const colorScheme of ['light', 'dark']) {
      const page = await enter(t, browser, instance, ann, { colorScheme });
      await openRoom(page, room);
      await shows(page, ['a first message']);
      await page.getByRole('button', { name: 'Members' }).click();
      await page.locator('#member-list', { hasText: ann.username }).waitFor();
      await accessible(page, colorScheme);
      await screenshot(page, colorScheme);
    }
    const phone = await enter(t, browser, instance, ann, { viewport: { width: 360, height: 740 }, hasTouch: true });
    await screenshot(phone, 'phone-rooms');
    await openRoom(phone, room);
    await shows(phone, ['a first message']);
    await screenshot(phone, 'phone-room');
    assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out');
    await phone.getByRole('button', { name: 'Back to channels' }).click();
    await phone.locator('#room-list button', { hasText: room }).waitFor();
  });

  test('without a mouse', async (t) => {
    const ann = await signup(instance);
    const [one, two] = [unique('a-'), unique('b-')];
    await ann.create(one);
    await ann.create(two);
    const page = await enter(t, browser, instance, ann);
    await page.locator('#room-list button', { hasText: two }).focus();
    await page.keyboard.press('Enter');
    await page.waitForSelector(`#room-title:has-text("${two}")`);
    await page.keyboard.type('typed, not clicked');
    await page.keyboard.press('Enter');
    await shows(page, ['typed, not clicked']);
    await page.getByRole('button', { name: 'New' }).focus();
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog[open]');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog:not([open])', { state: 'attached' });
    await page.waitForSelector('#create:focus'); // the focus is back where it was
  });

  test('two tabs of a browser: one logs out, and in as somebody else; the other follows', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const one = await enter(t, browser, instance, ann);
    const two = await one.context().newPage();
    await two.goto(instance.http);
    await live(two);
    await two.getByRole('button', { name: 'Account and settings' }).click();
    await two.getByRole('button', { name: 'Log out' }).click();
    for (const page of [one, two]) await page.waitForSelector('#door:not([hidden])');
    await two.fill('#door-name', bob.username);
    await two.fill('#door-password', PASSWORD);
    await two.getByRole('button', { name: 'Log in' }).click();
    for (const page of [two, one]) await page.waitForSelector(`#chat:not([hidden]) #me:text-is("${bob.username}")`);
  });

  test('a draft outlives the renaming of its channel; an edit that was left is no draft', async (t) => {
    const ann = await signup(instance);
    const [room, other] = [unique('draft'), unique('other')];
    await ann.create(room);
    await ann.create(other);
    await ann.say(room, 'said already');
    const page = await enter(t, browser, instance, ann);
    await openRoom(page, room);
    await shows(page, ['said already']);
    await page.press('#compose-text', 'ArrowUp');
    await composes(page, 'said already');
    await openRoom(page, other);
    await openRoom(page, room);
    await composes(page, '');
    await page.fill('#compose-text', 'half a thou');
    await page.getByRole('button', { name: 'Channel settings' }).click();
    await page.fill('dialog input[name=newName]', `${room}-new`);
    await page.press('dialog input[name=newName]', 'Enter');
    await page.waitForSelector(`#room-title:text-is("${room}-new")`);
    await composes(page, 'half a thou');
  });

  test('Enter in the reason does nothing to a member; a new owner is asked about first', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const room = unique('heirs');
    await ann.create(room);
    await bob.join(room);
    const page = await enter(t, browser, instance, ann);
    await openRoom(page, room);
    await page.getByRole('button', { name: 'Members' }).click();
    await page.locator('#member-list').getByRole('button', { name: bob.username }).click();
    await page.fill('dialog input[name=reason]', 'none yet');
    await page.press('dialog input[name=reason]', 'Enter');
    assert.ok(await page.locator('dialog[open] input[name=reason]').isVisible());
    await page.locator('dialog').getByRole('button', { name: 'Make owner' }).click();
    await page.locator('dialog h2', { hasText: 'the owner of' }).waitFor();
    await page.waitForSelector('dialog:focus-within'); // the next dialog has the focus
    await page.locator('dialog').getByRole('button', { name: 'Make owner' }).click();
    await page.waitForSelector('#room-about:has-text("you are an admin")');
  });

  test('browsing finds what lies behind a page of channels that I am in', async (t) => {
    const [ann, bob] = await signups(instance, 2);
    const prefix = unique('many');
    await bob.create(`${prefix} z`);
    for (let i = 0; i < 101; i++) await ann.create(`${prefix} ${String(i).padStart(3, '0')}`);
    const page = await enter(t, browser, instance, ann);
    await page.getByRole('button', { name: 'Browse' }).click();
    await page.fill('dialog input[type=search]', prefix);
    await page.press('dialog input[type=search]', 'Enter');
    await page.getByRole('button', { name: `Join ${prefix} z` }).click();
    await page.waitForSelector(`#room-title:has-text("${prefix} z")`);
  });
});
