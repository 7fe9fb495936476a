# The manual page from its text (jittertop.1.in) and the key table (keys.def): the line @KEYS@ becomes
# one list per group of keys, @VIEWS@ the names of the views. Usage:
#	awk -f manual.awk keys.def views.def jittertop.1.in

# "'?', KEYCODE_F1)" -> "? F1"
function key_names(text,    n, i, part, out)
{
	sub(/\)[^)]*$/, "", text)
	gsub(/, */, " ", text)
	n = split(text, part, " ")
	out = ""
	for (i = 1; i <= n; i++) {
		gsub(/^'|'$/, "", part[i])
		sub(/^KEYCODE_/, "", part[i])
		if (part[i] in named)
			part[i] = named[part[i]]
		# A mdoc macro argument of one punctuation character needs the zero-width escape.
		out = out (out == "" ? "" : " , ") "\\&" part[i]
	}
	return out
}

BEGIN {
	split("TAB Tab BACKTAB Shift-Tab ENTER Enter ESC Esc UP Up DOWN Down LEFT Left RIGHT Right " \
	      "PAGE_UP PgUp PAGE_DOWN PgDn HOME Home END End DELETE Del BACKSPACE Backspace " \
	      "CTRL_L Ctrl-L CTRL_U Ctrl-U SPACE Space", words, " ")
	for (i = 1; i in words; i += 2)
		named[words[i]] = words[i + 1]
}

/^BINDING\(/ {
	line = $0
	split(line, quoted, "\"")
	group = quoted[4]
	# What follows the third string are the keys.
	rest = line
	for (i = 0; i < 6; i++)
		rest = substr(rest, index(rest, "\"") + 1)
	sub(/^, */, "", rest)
	if (!(group in keys))
		order[++n_groups] = group
	keys[group] = keys[group] ".It Ic " key_names(rest) "\n" toupper(substr(quoted[6], 1, 1)) substr(quoted[6], 2) ".\n"
	next
}

/^VIEW\(/ {
	name = $0
	gsub(/^VIEW\(|\).*$/, "", name)
	views = views (views == "" ? "" : " ,\n") ".Cm " name
	next
}

FILENAME ~ /\.def$/ {
	next
}

/^@KEYS@$/ {
	for (i = 1; i <= n_groups; i++)
		printf ".Ss %s\n.Bl -tag -width \"PgUp , PgDn\" -compact\n%s.El\n", toupper(substr(order[i], 1, 1)) substr(order[i], 2), keys[order[i]]
	next
}

/^@VIEWS@$/ {
	print views " ."
	next
}

{ print }
