#!/usr/bin/perl
# Do layers.pl and shape.pl see what they are there for? Each is fed a small tree that is right, and
# the same with one thing wrong. Prints TAP.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);

my $here = dirname($0);
my $tests = 0;
my $failures = 0;

my %good = (
    'shared/base/a.c' => "/* A. */\n#include \"shared/base/a.h\"\n\nint a(void)\n{\n    return 1;\n}\n",
    'shared/base/a.h' => "/* A. */\n#ifndef A_H\n#define A_H\n\n/* One. */\nint a(void);\n\n#endif\n",
    'shared/db/db.c' => "/* DB. */\n#include <libpq-fe.h>\n#include \"shared/base/a.h\"\n"
        . "static const char begin[] = \"BEGIN\";\n",
    'shared/store/user.c' => "/* Users. */\n#include \"shared/db/db.h\"\n"
        . "static const char sql[] = \"SELECT id FROM app_user\";\n",
    'broker/net/ws.c' => "/* WS. */\n#include <libwebsockets.h>\n#include \"broker/sio/sio.h\"\n",
    'broker/sio/sio.h' => "/* API. */\n#ifndef SIO_H\n#define SIO_H\n\n"
        . "#include \"broker/net/loop.h\"\n\n#endif\n",
    'fcgi/worker.c' => "/* Worker. */\n#include <fcgiapp.h>\n#include \"shared/chat/chat.h\"\n",
    'tests/unit/base/a_test.c' => "/* A. */\n#include <cmocka.h>\n#include \"shared/base/a.h\"\n",
);

sub run_on {
    my ($script, %files) = @_;
    my $tree = tempdir(CLEANUP => 1);
    for my $file (keys %files) {
        make_path(dirname("$tree/$file"));
        open my $out, '>', "$tree/$file" or die "$tree/$file: $!\n";
        print $out $files{$file};
        close $out;
    }
    my $output = `$^X '$here/$script' '$tree' 2>&1`;
    return ($? >> 8, $output);
}

sub report {
    my ($ok, $name, $output) = @_;
    $tests++;
    print $ok ? 'ok' : 'not ok', " $tests - $name\n";
    return if $ok;
    $failures++;
    print map { "# $_\n" } split /\n/, $output;
}

sub passes {
    my ($script, $name, %change) = @_;
    my ($code, $output) = run_on($script, %good, %change);
    report($code == 0, "$script accepts $name", $output);
}

# One file changed; the script must fail, and say this about that file and line.
sub refuses {
    my ($script, $name, $file, $text, $expected) = @_;
    my ($code, $output) = run_on($script, %good, $file => $text);
    my $seen = () = $output =~ /^\Q$file\E:/mg;
    my $ok = $code == 1 && $seen == 1 && $output =~ /^\Q$file\E:$expected/m;
    report($ok, "$script refuses $name", $output);
}

passes('layers.pl', 'a tree that is right');
for my $case (
    ['broker/eio/a.c', 'shared/chat/chat.h'], ['broker/sio/a.c', 'shared/store/user.h'],
    ['broker/net/a.c', 'shared/db/db.h'], ['broker/net/a.c', 'shared/bus/bus.h'],
    ['broker/eio/a.c', 'broker/sio/sio.h'], ['broker/eio/a.c', 'broker/net/loop.h'],
    ['broker/sio/a.c', 'broker/net/server.h'], ['broker/net/a.c', 'broker/gateway/gateway.h'],
    ['shared/chat/a.c', 'broker/sio/sio.h'], ['shared/chat/a.c', 'fcgi/request.h'],
    ['shared/base/b.c', 'shared/db/db.h'], ['shared/db/a.c', 'shared/store/user.h'],
    ['shared/store/a.c', 'shared/chat/chat.h'], ['shared/auth/a.c', 'shared/db/db.h'],
    ['shared/bus/a.c', 'shared/db/db.h'], ['fcgi/a.c', 'shared/store/user.h'],
    ['fcgi/a.c', 'broker/net/loop.h'], ['broker/gateway/a.c', 'shared/store/user.h'],
    ['tests/conformance/echo.c', 'shared/chat/chat.h'],
) {
    my ($file, $header) = @$case;
    refuses('layers.pl', "$header in $file", $file, "/* x */\n#include \"$header\"\n",
        "2: \\S+ may not include \Q$header\E\$");
}
for my $case (
    ['shared/store/a.c', 'libpq-fe.h'], ['broker/gateway/a.c', 'mosquitto.h'],
    ['broker/sio/a.c', 'libwebsockets.h'], ['broker/gateway/a.c', 'ev.h'],
    ['fcgi/dispatch.c', 'fcgiapp.h'], ['shared/base/b.c', 'uninorm.h'],
    ['shared/chat/a.c', 'sodium.h'], ['shared/base/conf.c', 'ini.h'],
) {
    my ($file, $header) = @$case;
    refuses('layers.pl', "<$header> in $file", $file, "/* x */\n#include <$header>\n",
        "2: <\Q$header\E> is not for this file\$");
}
for my $sql ('SELECT 1', 'select id from room', 'INSERT INTO room VALUES (1)',
    'UPDATE room SET name = $1', 'delete from room', 'WITH x AS (SELECT 1)', 'CREATE TABLE x',
    'LISTEN room', 'BEGIN', 'COMMIT') {
    refuses('layers.pl', "\"$sql\" in shared/chat", 'shared/chat/a.c',
        "/* x */\nstatic const char sql[] = \"$sql\";\n", '2: SQL belongs into shared/store$');
}
refuses('layers.pl', 'a statement in shared/db', 'shared/db/a.c',
    "/* x */\nstatic const char sql[] = \"SELECT 1\";\n", '2: SQL belongs into shared/store$');
passes('layers.pl', 'words that are no statements', 'fcgi/a.c' =>
    "/* select x from y */\nstatic const char *methods[] = {\"DELETE\", \"selected from\", \"UPDATE\"};\n");
refuses('layers.pl', 'an include that is not from the top', 'shared/base/b.c',
    "/* x */\n#include \"a.h\"\n", '2: "a.h" is not a path from the top');
refuses('layers.pl', 'a folder without a rule', 'shared/new/a.c', "/* x */\n",
    '1: its folder is not in the table');

sub function_of {
    my ($body) = @_;
    return "/* x */\nint f(void)\n{\n$body}\n";
}

sub nested {
    my ($levels) = @_;
    return join '', map { '    ' x $_ . "if (x)\n" } 1 .. $levels;
}

my $x = 'shared/chat/x.c';
passes('shape.pl', 'a tree that is right');
passes('shape.pl', 'a file of 600 lines', $x => "/* x */\n" . "int x;\n" x 599);
refuses('shape.pl', 'a file of 601 lines', $x, "/* x */\n" . "int x;\n" x 600, '601: 601 lines');
passes('shape.pl', 'a function of 80 lines', $x => function_of("    x();\n" x 78));
refuses('shape.pl', 'a function of 81 lines', $x, function_of("    x();\n" x 79),
    '3: a function of 81 lines');
passes('shape.pl', 'nesting of 4', $x => function_of(nested(4)));
refuses('shape.pl', 'nesting of 5', $x, function_of(nested(5)), '8: nesting of 5');
refuses('shape.pl', 'nesting of 5 in else', $x,
    function_of(nested(4) . '    ' x 5 . "} else {\n"), '8: nesting of 5');
passes('shape.pl', 'a line of 100 columns', $x => "/* x */\n" . 'x' x 98 . "\xc3\xa9;\n");
refuses('shape.pl', 'a line of 101 columns', $x, "/* x */\n" . 'x' x 101 . "\n", '2: 101 columns');
refuses('shape.pl', 'a tab past the columns', $x, "/* x */\n\t" . 'x' x 93 . "\n", '2: 101 columns');
for my $word ('if X', 'ifdef X', 'ifndef X', 'elif X', 'else') {
    refuses('shape.pl', "#$word in shared/chat", $x, "/* x */\n#$word\n", '2: #\w+ outside');
}
refuses('shape.pl', '#ifdef in a header', 'fcgi/x.h',
    "/* x */\n#ifndef X_H\n#define X_H\n# ifdef Y\n#endif\n", '4: #ifdef outside');
passes('shape.pl', '#ifdef in shared/base', 'shared/base/b.c' => "/* x */\n#ifdef X\n#endif\n");
refuses('shape.pl', 'a file without a comment', $x, "#include <a.h>\n", '1: does not begin');

# Ten declarations, of which some have a comment.
sub header_of {
    my ($commented) = @_;
    my $text = "/* x */\n#ifndef X_H\n#define X_H\n";
    for my $i (1 .. 10) {
        $text .= "\n" . ($i <= $commented ? "/* Does $i. */\n" : '') . "int f$i(int a,\n       int b);\n";
    }
    return "$text\n#endif\n";
}
my ($code, $output) = run_on('shape.pl', %good, 'fcgi/x.h' => header_of(9));
my $ok = $code == 0 && $output =~ /10 of 11 declarations/;
report($ok, 'shape.pl accepts 9 of 10 comments', $output);
($code, $output) = run_on('shape.pl', %good, 'fcgi/x.h' => header_of(8));
$ok = $code == 1 && $output =~ m{^fcgi/x\.h:\d+: f9 has no comment}m && $output =~ /too few/;
report($ok, 'shape.pl refuses 8 of 10 comments', $output);
passes('shape.pl', 'one comment for a group, inline functions, structs, callbacks', 'fcgi/x.h' =>
    "/* x */\n#ifndef X_H\n#define X_H\n\n/* Both; and\n * more. */\nint a(void);\nint b(void);\n\nstruct s {\n"
    . "    int (*f)(void);\n};\n\ntypedef int (*g)(void);\n\n/* C. */\nstatic inline int c(void)\n{\n"
    . "    return a();\n}\n\n#endif\n");

print "1..$tests\n";
exit($failures ? 1 : 0);
