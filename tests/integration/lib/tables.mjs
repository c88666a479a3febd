/* Input that must be refused, or accepted, the same way over REST and over the gateway. */

/* [what, text]: 1 to 128 code points, not only white space, no control characters but \n and \t. */
export const GOOD_TEXTS = [
  ['one character', 'x'],
  ['128 characters', 'a'.repeat(128)],
  ['128 emoji of four bytes', '😀'.repeat(128)],
  ['128 code points of combining marks', 'e' + '\u0301'.repeat(127)],
  ['newline and tab', 'a\n\tb'],
  ['right-to-left and joiners', 'שלום 👩‍👩‍👧 \u200f'],
  ['a lone noncharacter', 'x\ufffe'],
  ['JSON and HTML in it', '{"a":"<b>\\"&amp;"} \'; drop table room; --'],
  ['leading and trailing space', '  x  '],
  ['a line separator', 'a\u2028b'],
];

export const BAD_TEXTS = [
  ['the empty text', ''],
  ['129 characters', 'a'.repeat(129)],
  ['129 emoji', '😀'.repeat(129)],
  ['129 code points of combining marks', 'e' + '\u0301'.repeat(128)],
  ['only spaces', '   '],
  ['only newlines', '\n\n'],
  ['only Unicode white space', '\u2003\u00a0\u3000'],
  ['NUL', 'a\u0000b'],
  ['a raw record separator, escaped', 'a\u001eb'],
  ['escape', 'a\u001bb'],
  ['carriage return', 'a\rb'],
  ['DEL', 'a\u007fb'],
  ['a C1 control', 'a\u0085b'],
];

/* Values that are no string. */
export const WRONG_TYPES = [
  ['number', 7], ['true', true], ['array', ['x']], ['object', { x: 1 }], ['null', null],
];

/* Names a channel cannot have. */
export const BAD_CHANNEL_NAMES = [
  ['empty', ''], ['an at sign', 'a@b'], ['a slash', 'a/b'], ['a leading space', ' a'],
  ['a trailing space', 'a '], ['a dot', '.'], ['two dots', '..'], ['__proto__', '__proto__'],
  ['constructor', 'constructor'], ['NUL', 'a\u0000b'], ['newline', 'a\nb'], ['65 characters', 'n'.repeat(65)],
  ['zero-width space', 'a\u200bb'], ['right-to-left override', 'a\u202eb'],
  ['line separator', 'a\u2028b'], ['paragraph separator', 'a\u2029b'], ['no-break space at the end', 'a\u00a0'],
];

/* Bytes that are no UTF-8, each put inside a JSON string. */
export const BAD_UTF8 = [
  ['a lone continuation byte', [0x80]],
  ['a cut sequence', [0xe2, 0x82]],
  ['an overlong slash', [0xc0, 0xaf]],
  ['a surrogate', [0xed, 0xa0, 0x80]],
  ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ['0xFF', [0xff]],
];

/* Texts that are no JSON object by RFC 8259. */
export const BAD_JSON = [
  ['nothing', ''],
  ['cut off', '{"text":"a"'],
  ['trailing garbage', '{"text":"a"}x'],
  ['trailing comma', '{"text":"a",}'],
  ['single quotes', "{'text':'a'}"],
  ['NaN', '{"text":NaN}'],
  ['a number with a bare point', '{"text":"a","n":[1.]}'],
  ['a leading zero', '{"text":"a","n":01}'],
  ['a raw control character', '{"text":"a\u001eb"}'],
  ['a raw newline in a string', '{"text":"a\nb"}'],
  ['a comment', '{"text":"a"/* */}'],
  ['an unknown escape', '{"text":"\\x"}'],
  ['two values', '{} {}'],
  ['depth 33', `{"text":"a","x":${'['.repeat(32)}${']'.repeat(32)}}`],
  ['depth 30,000', `{"text":"a","x":${'['.repeat(15000)}${']'.repeat(15000)}}`],
];

/* JSON, but no object. */
export const NOT_OBJECTS = [
  ['an array', '[1]'], ['a string', '"x"'], ['a number', '1'], ['null', 'null'], ['true', 'true'],
];
