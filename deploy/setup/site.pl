#!/usr/bin/perl
# site.pl lighttpd|apache TEMPLATE WEB: the template of deploy/ filled in for an installation: one
# broker on its usual port, the workers' socket, the pages in WEB. For lighttpd it becomes a file of
# Debian's conf-available, where the server's own file has set port, user and log, and much that
# parley needs otherwise: what is set here is set anew (:=), modules are added.
use strict;
use warnings;

my ($server, $template, $web) = @ARGV;
my $port = 3001;
my $idle = 75;
my $backend = qq{( "host" => "127.0.0.1", "port" => $port, "disable-time" => 0 )};

my %values = (
    WEB => $web, IDLE => $idle, SIO_PATH => '/socket.io/', FCGI_SOCKET => '/run/parley/fcgi.sock',
    FDS => 65536, CONNECTIONS => 32768, HEADER_BYTES => 8192,
);
my %own = (
    lighttpd => {
        BROKERS => $backend,
        SIDS => qq!\$HTTP["querystring"] =~ "(^|&)sid=b$port-" {\n!
            . qq!    proxy.server = ( "/socket.io/" => ( $backend ) )\n}!,
    },
    apache => {
        MEMBERS => qq{    BalancerMember "http://127.0.0.1:$port" upgrade=websocket timeout=$idle},
        WORKERS => qq{<Proxy "http://127.0.0.1:$port/socket.io/">\n}
            . qq{    ProxySet upgrade=websocket timeout=$idle\n</Proxy>},
        SIDS => qq{RewriteCond "%{QUERY_STRING}" "(^|&)sid=b$port-"\n}
            . qq{RewriteRule "^/socket\\.io/" "http://127.0.0.1:$port%{REQUEST_URI}" [P,L]},
    },
);
my %head = (
    lighttpd => <<"END",
# parley behind this lighttpd: lighty-enable-mod parley, and restart it.
# For more brokers, repeat what names port $port: in proxy.server, and the block that routes its sids.
END
    apache => <<"END",
# parley behind this Apache:
#   a2enmod alias dir env headers mime proxy proxy_balancer proxy_fcgi proxy_http lbmethod_byrequests \\
#     rewrite slotmem_shm
#   a2dissite 000-default; a2ensite parley; systemctl restart apache2
# For more brokers, repeat what names port $port. For TLS see tls.conf among the examples.
<VirtualHost *:80>
END
);
my $text = do { local (@ARGV, $/) = ($template); <> };

%values = (%values, %{$own{$server}});
$text =~ s/\A(#.*\n)+//;
if ($server eq 'lighttpd') {
    $text =~ s/^(server\.(?:bind|port|upload-dirs) |\@SOCKETS\@).*\n//mg;
    $text =~ s/^server\.modules = /server.modules += /m;
    $text =~ s/^([a-z][a-z.-]*) = /$1 := /mg;
}
$text =~ s/\@([A-Z_]+)\@/$values{$1} \/\/ die "$template: nothing for \@$1\@\n"/ge;
print $head{$server}, $text, $server eq 'apache' ? "</VirtualHost>\n" : '';
