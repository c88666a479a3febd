#!/usr/bin/env perl
# The table of routes and swagger.yaml name the same methods and paths, and agree on which need a
# token; each operation documents the errors that any such request can get. Reads the document by
# its indentation, which is all the YAML this needs: two spaces a level, no flow style above
# operations.
use strict;
use warnings;

my $source = $ENV{srcdir} // '.';
my $program = $ENV{PARLEY_FCGI} // './parley-fcgi';
my $failed = 0;

sub complain {
    print "not ok - $_[0]\n";
    $failed = 1;
}

sub read_routes {
    my %routes;
    open my $pipe, '-|', $program, '--routes' or die "$program: $!";
    while (<$pipe>) {
        /^([A-Z]+) (\S+) (auth|public)$/ or die "$program --routes: unexpected line: $_";
        $routes{"$1 $2"} = $3;
    }
    close $pipe or die "$program --routes failed";
    return \%routes;
}

# {"GET /api/v1/users/me"} = {auth => "auth", status => {200 => 1, ...}}
sub read_document {
    my (%operations, %in_path, $section, $path, $base, $operation, $block);
    open my $file, '<', "$source/swagger.yaml" or die "swagger.yaml: $!";
    while (<$file>) {
        if (/^(\w+):/) {
            $section = $1;
        } elsif ($section ne 'paths') {
            next;
        } elsif (m{^  (/[^:]*):$}) {
            ($path, $base, $operation) = ($1, '/api/v1', undef);
        } elsif (m{^      - url: /$}) {
            $base = '';
        } elsif (/^    (get|put|post|patch|delete):$/) {
            $operation = {auth => 'auth', status => {}};
            $operations{uc($1) . " $base$path"} = $operation;
        } elsif (/^    (\w+):/) {
            $operation = undef;
        } elsif ($operation && /^      (\w+): ?(.*)$/) {
            $block = $1;
            $operation->{auth} = 'public' if $block eq 'security' && $2 eq '[]';
        } elsif ($operation && $block eq 'responses' && /^        '(\d{3})':/) {
            $operation->{status}{$1} = 1;
        }
    }
    return \%operations;
}

my $routes = read_routes();
my $document = read_document();
die 'no routes' unless %$routes;

for (sort keys %$routes) {
    my $operation = $document->{$_};
    if (!$operation) {
        complain("swagger.yaml does not have $_");
        next;
    }
    complain("$_ is $routes->{$_} in the table, $operation->{auth} in swagger.yaml")
        if $routes->{$_} ne $operation->{auth};
    my @wanted = $_ =~ m{/api/v1/} ? (500, 503) : (503);
    push @wanted, 401 if $routes->{$_} eq 'auth';
    push @wanted, 400, 413, 415 if /^(POST|PUT|PATCH) / && !m{/auth/logout$};
    push @wanted, 400 if /\{/;
    for my $status (@wanted) {
        complain("$_: swagger.yaml does not say when $status comes") unless $operation->{status}{$status};
    }
    complain("$_: no success in swagger.yaml") unless grep { /^2/ } keys %{$operation->{status}};
}
for (sort keys %$document) {
    complain("there is no route for $_ of swagger.yaml") unless $routes->{$_};
}
print 'ok - ', scalar(keys %$routes), " routes\n" unless $failed;
exit $failed;
