#!/usr/bin/perl
# The shape of the sources: sizes, nesting, line lengths, conditionals, comments. No file is exempt.
# Usage: shape.pl [TREE]
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Find qw(find);

my $root = shift // dirname($0) . '/../..';

my $max_file_lines = 600;
my $max_function_lines = 80;
my $max_nesting = 4;
my $max_columns = 100;
my $indent = 4;
my $min_documented = 0.9;    # of the functions in headers
my $may_be_conditional = qr{^(shared/base|broker/net)/};    # folders that may use #if

my $problems = 0;
my (@file_sizes, @function_sizes);
my ($declared, $documented) = (0, 0);
my @undocumented;

sub problem {
    my ($file, $line, $text) = @_;
    print "$file:$line: $text\n";
    $problems++;
}

sub read_lines {
    my ($file) = @_;
    open my $in, '<:utf8', "$root/$file" or die "$root/$file: $!\n";
    chomp(my @lines = <$in>);
    close $in;
    return @lines;
}

sub columns {
    my ($line) = @_;
    1 while $line =~ s/^([^\t]*)\t/$1 . ' ' x (8 - length($1) % 8)/e;
    return length $line;
}

sub check_lines {
    my ($file, @lines) = @_;
    problem($file, scalar @lines, sprintf('%d lines; %d at most', scalar @lines, $max_file_lines))
        if @lines > $max_file_lines;
    for my $i (0 .. $#lines) {
        my $width = columns($lines[$i]);
        problem($file, $i + 1, "$width columns; $max_columns at most") if $width > $max_columns;
    }
}

# In the Linux style a body, and nothing else, begins with a line "{" and ends with a line "}".
sub check_functions {
    my ($file, @lines) = @_;
    my $start;
    for my $i (0 .. $#lines) {
        if ($lines[$i] =~ /^\{/) {
            $start = $i;
        } elsif (defined $start and $lines[$i] =~ /^\}/) {
            my $size = $i - $start + 1;
            push @function_sizes, $size;
            problem($file, $start + 1, "a function of $size lines; $max_function_lines at most")
                if $size > $max_function_lines;
            check_nesting($file, $start, @lines[$start .. $i]);
            undef $start;
        }
    }
}

# A control statement's depth shows in its indentation, also without braces.
sub check_nesting {
    my ($file, $start, @body) = @_;
    for my $i (0 .. $#body) {
        next unless $body[$i] =~ /^( *)(?:\} *)?(?:if|else|for|while|do|switch|\w*for_?each\w*)\b/;
        my $depth = int(length($1) / $indent);
        problem($file, $start + $i + 1, "nesting of $depth; $max_nesting at most")
            if $depth > $max_nesting;
    }
}

# Include guards are no conditionals.
sub check_conditionals {
    my ($file, @lines) = @_;
    return if $file =~ $may_be_conditional;
    for my $i (0 .. $#lines) {
        my ($word) = $lines[$i] =~ /^\s*#\s*(if|ifdef|ifndef|elif|else)\b/ or next;
        next if $file =~ /\.h$/ and $lines[$i] =~ /^#ifndef (\w+_H)$/
            and ($lines[$i + 1] // '') eq "#define $1";
        problem($file, $i + 1, "#$word outside shared/base and broker/net");
    }
}

# A declaration is documented if a comment stands before it or beside it, or if it follows another
# one so documented without an empty line between: a comment may speak for a group.
sub check_header {
    my ($file, @lines) = @_;
    my ($commented, $depth) = (0, 0);
    for (my $i = 0; $i <= $#lines; $i++) {
        my $line = $lines[$i];
        if ($line =~ /^\s*$/) {
            $commented = 0;
        } elsif ($line =~ m{^\s*/\*}) {
            $i++ while $lines[$i] !~ m{\*/} and $i < $#lines;
            $commented = 1;
        } elsif ($depth == 0 and $line =~ /^[A-Za-z]/ and $line !~ /^(typedef|struct \w+ *\{|enum|union)/) {
            my ($text, $last) = ($line, $i);
            $text .= $lines[++$last] while $text !~ /[;{]/ and $last < $#lines
                and $lines[$last + 1] !~ /^\{/;
            if ($text =~ /\b(\w+)\s*\(/ and $text !~ /^\w+\s*=/ and $line !~ /^\}/) {
                count_declaration($file, $i, $1, $commented || index($text, '/*') >= 0);
            }
            $i = $last;
        }
        $depth++ if $lines[$i] =~ /\{\s*$/ or $lines[$i] =~ /^\{/;
        $depth-- if $lines[$i] =~ /^\s*\}/;
    }
}

sub count_declaration {
    my ($file, $index, $name, $has_comment) = @_;
    $declared++;
    if ($has_comment) {
        $documented++;
    } else {
        push @undocumented, sprintf('%s:%d: %s has no comment', $file, $index + 1, $name);
    }
}

sub check_file {
    my ($file) = @_;
    my @lines = read_lines($file);
    check_lines($file, @lines);
    check_functions($file, @lines);
    check_conditionals($file, @lines);
    if ($file =~ /\.c$/) {
        push @file_sizes, scalar @lines;
        problem($file, 1, 'does not begin with a comment') if ($lines[0] // '') !~ m{^/[*/]};
    } elsif ($file !~ m{^tests/}) {
        check_header($file, @lines);
    }
}

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return @sorted ? $sorted[$#sorted / 2] : 0;
}

my @files;
for my $top (grep { -d "$root/$_" } qw(shared broker fcgi deploy tests)) {
    find({no_chdir => 1, preprocess => sub { grep { $_ ne 'node_modules' } @_ }, wanted => sub {
        push @files, substr($_, length("$root/")) if /\.[ch]$/ and -f;
    }}, "$root/$top");
}
die "no sources under $root\n" unless @files;
check_file($_) for sort @files;
if ($documented < $min_documented * $declared) {
    print "$_\n" for @undocumented;
    problem('headers', 0, 'too few functions carry their contract');
}
printf "%d .c files, median %d lines; %d functions, median %d lines; %d of %d declarations documented\n",
    scalar @file_sizes, median(@file_sizes), scalar @function_sizes, median(@function_sizes),
    $documented, $declared;
printf "%d problems\n", $problems;
exit($problems ? 1 : 0);
