# SPDX-License-Identifier: BSD-2-Clause
# Perl DBI, the wrong way: connect for every round, keep every handle.
use strict;
use warnings;
use DBI;

my @kept;
while (1) {
	push @kept, DBI->connect("dbi:Pg:", "", "", { RaiseError => 1 });
	$kept[-1]->do("SELECT 1");
	sleep 3;
}
