# Tests of the sources themselves: layers, sizes, comments.
dist_check_SCRIPTS += \
	tests/shape/layers.pl \
	tests/shape/shape.pl \
	tests/shape/selftest.pl
