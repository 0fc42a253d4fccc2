$runs << END
6 2026-11-23T12:45:00+00:00 2026-11-23T13:30:00+00:00
1 2026-11-23T12:00:00+00:00 2026-11-23T12:15:00+00:00
1 2026-11-23T12:05:00+00:00 2026-11-23T12:10:00+00:00
4 2026-11-23T12:30:00+00:00 2026-11-23T12:30:00+00:00
END
set terminal svg size 900,1200 dynamic
set title "Runs at <a> & b"
set timefmt "%Y-%m-%dT%H:%M:%S"
unset xtics
set x2range [0.5:6.5]
set x2tics scale 0 ("Exclusive" 1, "Normal" 2, "Background" 3, "Background\nmulti-result" 4, "Non-starting" 5, "Preempted" 6)
set ydata time
set format y "%Y-%m-%d\n%H:%M:%S"
set ytics out nomirror
set yrange ["2026-11-23T12:00:00+00:00":"2026-11-23T13:00:00+00:00"] reverse
set key off
set grid front noxtics ytics
set boxwidth 0.9
set style fill solid
plot $runs using 1:2:3:2:3 with candlesticks axes x2y1
