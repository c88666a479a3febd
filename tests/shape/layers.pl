#!/usr/bin/perl
# Who may include what: docs/ARCHITECTURE.md's layers, checked from the #include lines, and SQL text
# only in shared/store. No file is exempt. Usage: layers.pl [TREE]
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Find qw(find);

my $root = shift // dirname($0) . '/../..';

# What each folder may include beside itself: folders, or single headers. Dependencies point down
# only. The fronts (fcgi, broker/gateway) do not reach past shared/chat to the statements; eio, sio
# and net are a library that knows nothing of chat, PostgreSQL or MQTT. broker/net/loop.h is the
# loop's interface, without libwebsockets or libev.
my @library = qw(broker/net broker/sio broker/eio shared/base);
my @front = qw(shared/chat shared/db shared/bus shared/auth shared/base);
my %may_include = (
    'shared/base' => [],
    'shared/auth' => ['shared/base'],
    'shared/db' => ['shared/base'],
    'shared/bus' => ['shared/base'],
    'shared/store' => [qw(shared/db shared/auth shared/base)],
    'shared/chat' => [qw(shared/store shared/db shared/auth shared/base)],
    'shared/ctl' => [qw(shared/store), @front],
    'broker/eio' => ['shared/base'],
    'broker/sio' => [qw(broker/eio broker/net/loop.h broker/net/listener.h shared/base)],
    'broker/net' => [qw(broker/sio broker/eio shared/base)],
    'broker/gateway' => [qw(broker/net broker/sio), @front],
    'broker/mqtt-plugin' => [@front],
    'fcgi' => [@front],
    'deploy/supervise' => ['shared/base'],
    'tests/conformance' => [@library],
);

# Libraries that only some files see.
my @private_headers = (
    [qr{^(libpq-fe|libpq-events|postgres_ext|pg_config\w*)\.h$}, qr{^shared/db/}],
    [qr{^(mosquitto|mosquitto_\w+|mqtt_protocol)\.h$}, qr{^(shared/bus|broker/mqtt-plugin)/}],
    [qr{^(libwebsockets|ev|ev\+\+)\.h$}, qr{^broker/net/}],
    [qr{^fcgi(app|_stdio|os|misc)\.h$}, qr{^fcgi/(worker|request|response)\.[ch]$}],
    [qr{^uni(case|type|norm|str|width|conv|types)\.h$}, qr{^shared/base/utf8\.c$}],
    [qr{^sodium(/\w+)?\.h$}, qr{^shared/(auth/|base/random\.c$)}],
    [qr{^openssl/\w+\.h$}, qr{^(shared/auth/keyset\.c|tests/unit/auth/foreign_test\.c)$}],
    [qr{^zlib\.h$}, qr{^broker/eio/gzip\.c$}],
    [qr{^ini\.h$}, qr{^shared/base/conf_read\.c$}],
);

# What a statement looks like in a string. Ending a transaction and the like is shared/db's.
my $statement = qr{
    \b(?i:SELECT)\b .* \b(?i:FROM)\b | ^\s* SELECT\s | \b(?i:INSERT\s+INTO)\s | \b(?i:DELETE\s+FROM)\s
    | \b(?i:UPDATE\s+\w+\s+SET)\s | ^\s* WITH\s+\w+\s+AS\s*\(
    | ^\s* (?:CREATE|ALTER|DROP|TRUNCATE|LOCK|GRANT|REVOKE)\s+[A-Z]+\s | ^\s* (?:LISTEN|NOTIFY|COPY)\s+\w
}x;
my $transaction = qr{^\s*(?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT|SET\s+(?:LOCAL|SESSION|TRANSACTION))\b};

my $problems = 0;

sub problem {
    my ($file, $line, $text) = @_;
    print "$file:$line: $text\n";
    $problems++;
}

# The folder's entry with the longest name that fits.
sub folder_of {
    my ($file) = @_;
    for (my $folder = dirname($file); $folder ne '.'; $folder = dirname($folder)) {
        return $folder if exists $may_include{$folder};
    }
    return undef;
}

sub check_own_include {
    my ($file, $line, $folder, $header) = @_;
    if ($header !~ m{^(shared|broker|fcgi|deploy|tests)/}) {
        problem($file, $line, "\"$header\" is not a path from the top of the tree");
        return;
    }
    for my $allowed ($folder, @{$may_include{$folder}}) {
        return if $header eq $allowed or index($header, "$allowed/") == 0;
    }
    problem($file, $line, "$folder may not include $header");
}

sub check_system_include {
    my ($file, $line, $header) = @_;
    for my $rule (@private_headers) {
        my ($headers, $files) = @$rule;
        problem($file, $line, "<$header> is not for this file")
            if $header =~ $headers and $file !~ $files;
    }
}

sub check_strings {
    my ($file, $line, $text) = @_;
    return if $file =~ m{^shared/store/};
    while ($text =~ /"((?:[^"\\]|\\.)*)"/g) {
        my $string = $1;
        problem($file, $line, 'SQL belongs into shared/store')
            if $string =~ $statement or ($string =~ $transaction and $file !~ m{^shared/db/});
    }
}

sub check_file {
    my ($file) = @_;
    my $folder = folder_of($file);
    if (not defined $folder) {
        problem($file, 1, 'its folder is not in the table of layers') if $file !~ m{^tests/};
        return;
    }
    open my $in, '<', "$root/$file" or die "$root/$file: $!\n";
    while (my $text = <$in>) {
        if ($text =~ /^\s*#\s*include\s+"([^"]+)"/) {
            check_own_include($file, $., $folder, $1);
        } elsif ($text =~ /^\s*#\s*include\s+<([^>]+)>/) {
            check_system_include($file, $., $1);
        } elsif ($text !~ m{^\s*(//|/?\*)}) {
            check_strings($file, $., $text);
        }
    }
    close $in;
}

my @files;
for my $top (grep { -d "$root/$_" } qw(shared broker fcgi deploy tests)) {
    find({no_chdir => 1, wanted => sub {
        push @files, substr($_, length("$root/")) if /\.(c|h|def)$/ and -f;
    }}, "$root/$top");
}
die "no sources under $root\n" unless @files;
check_file($_) for sort @files;
printf "%d files, %d problems\n", scalar @files, $problems;
exit($problems ? 1 : 0);
