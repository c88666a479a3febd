#!/usr/bin/perl
# settings.pl SETTINGS_DEF <parley.conf.5.in: the page with the table of settings in place of
# @SETTINGS@, a section of it for each section of the file.
use strict;
use warnings;

my %kinds = (STR => 'text', SECRET => 'text, a secret', INT => 'number', BOOL => 'true or false');

# Text as roff wants it: no escapes, no request at the start of a line, hyphens that can be copied.
sub roff {
    my ($text) = @_;
    $text =~ s/\\(.)/$1/g;
    $text =~ s/\\/\\e/g;
    $text =~ s/-/\\-/g;
    $text =~ s/"/\\(dq/g;
    $text =~ s/^([.'])/\\&$1/;
    return $text;
}

# Text in lines of the usual width.
sub lines {
    my ($text) = @_;
    my @lines = ('');
    for my $word (split / /, $text) {
        push @lines, '' if length("$lines[-1] $word") > 72;
        $lines[-1] .= ($lines[-1] eq '' ? '' : ' ') . $word;
    }
    return join '', map { roff($_) . "\n" } @lines;
}

# A word that mdoc would take for a macro or for punctuation is neither.
sub argument {
    my ($text) = @_;
    $text = roff($text);
    return $text =~ / / ? qq{"$text"} : "\\&$text";
}

open my $in, '<', $ARGV[0] or die "$ARGV[0]: $!\n";
my ($table, $section) = ('', '');
while (<$in>) {
    next unless /^SETTING\(/;
    my ($name, $type, $default, $min, $max, $doc) =
        /^SETTING\(\w+, "([^"]+)", (\w+), "((?:[^"\\]|\\.)*)", (-?\d+), (-?\d+), "((?:[^"\\]|\\.)*)"\)\s*$/
        or die "$ARGV[0]:$.: not understood\n";
    my ($now, $key) = split /\./, $name, 2;
    my $kind = $kinds{$type} // die "$ARGV[0]:$.: a type that this script does not know: $type\n";

    $kind = "$min to $max" if $type eq 'INT';
    $table .= ".El\n" if $section and $now ne $section;
    $table .= ".Ss Section $now\n.Bl -tag -width Ds\n" if $now ne $section;
    $section = $now;
    $table .= ".It Cm $key Pq $kind\n";
    $table .= lines("$doc.") if $doc ne '';
    $table .= $default eq '' ? "Default: empty.\n" : "Default:\n.Ql " . argument($default) . " .\n";
}
$table .= ".El\n";
my $page = do { local $/; <STDIN> };
$page =~ s/^\@SETTINGS\@\n/$table/m or die "no \@SETTINGS\@ in the page\n";
print $page;
