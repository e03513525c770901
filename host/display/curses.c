// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * -display curses: the guest's text screen on this terminal, its keys from it.
 *
 * A terminal may stall (a slow line, a suspended screen), so drawing and reading have a thread of
 * their own, which holds the machine lock only to copy the cells and to hand over keys. On every way
 * out the terminal is given back by writing a string that was prepared at the start and by
 * tcsetattr(), which a signal handler may do, and not by ncurses, which may be at work just then.
 *
 * A terminal sends letters and not keys: they are looked up on a US keyboard, each pressed and let go.
 */
#define NCURSES_WIDECHAR 1
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* It has a trace() too. */
#define trace ncurses_trace
#include <ncurses.h>
#undef trace

#include "host/bus/bus.h"
#include "host/chardev.h"
#include "host/display/curses.h"
#include "host/display/display.h"
#include "host/input/input.h"
#include "host/loop.h"
#include "host/report.h"
#include "host/term.h"
#include "host/thread.h"

#define CTRL_A 1
#define SIZE_CHECK 250			/* ms; the terminal's size */
#define KEY_GAP 8000000			/* ns; a keyboard's buffer is small, a pasted text is not */
#define MAX_CELLS (256 * 128)

static bool asked;
static struct display *display;
static const struct surface *surface;	/* the same for the display's life */
static struct display_viewer viewer;
static int wake_fd;
static bool utf8;
static char goodbye[256];		/* to the terminal, at the end */
static pthread_mutex_t drawing = PTHREAD_MUTEX_INITIALIZER;

/* What was copied from the device. */
static uint16_t cells[MAX_CELLS];
static unsigned int columns, rows, width, height;
static int cursor_x, cursor_y;
static bool cursor_block;

/* Code page 437: what is not ASCII. */
static const wchar_t cp437_low[32] =
	L" ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
static const wchar_t cp437_high[] =
	L"⌂"
	L"ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»"
	L"░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀"
	L"αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";
_Static_assert(ARRAY_SIZE(cp437_high) == 130, "7Fh to FFh, and the end");

/* A terminal without Unicode gets the nearest of ASCII. */
static const char plain_high[] =
	"^"
	"CueaaaaceeeiiiAAEaAooouuyOUcLYPfaiounNao?--11!<>"
	"###|++++++|+++++++++-++++++++=+++++++++++++#####"
	"aBGpSsutFOOd8fen=+><()/~o..#n2# ";
_Static_assert(ARRAY_SIZE(plain_high) == 130, "as many");

static wchar_t letter(uint8_t c)
{
	if (c < 0x20)
		return utf8 ? cp437_low[c] : c ? '*' : ' ';
	if (c < 0x7f)
		return c;
	return utf8 ? cp437_high[c - 0x7f] : (wchar_t)plain_high[c - 0x7f];
}

/* --- the picture --- */

static void wake(void)
{
	uint64_t one = 1;

	while (write(wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void on_resized(struct display_viewer *v, const struct surface *s)
{
	(void)v;
	(void)s;
	wake();
}

static void on_changed(struct display_viewer *v, unsigned int x, unsigned int y, unsigned int w,
		       unsigned int h)
{
	(void)v;
	(void)x;
	(void)y;
	(void)w;
	(void)h;
	wake();
}

static void copy_screen(void)
{
	struct text_screen t;

	machine_lock();
	if (display_text(display, &t) && (size_t)t.columns * t.rows <= MAX_CELLS) {
		columns = t.columns;
		rows = t.rows;
		memcpy(cells, t.cells, (size_t)columns * rows * sizeof(cells[0]));
		cursor_x = t.cursor_x;
		cursor_y = t.cursor_y;
		cursor_block = t.cursor_end >= t.cursor_start + 8;
	} else {
		columns = 0;
		width = surface->width;
		height = surface->height;
	}
	machine_unlock();
}

/* The pair of a VGA attribute; its colours have red and blue the other way round. */
static void make_pairs(void)
{
	static const short colours[8] = { COLOR_BLACK, COLOR_BLUE, COLOR_GREEN, COLOR_CYAN,
					  COLOR_RED, COLOR_MAGENTA, COLOR_YELLOW, COLOR_WHITE };
	short i;

	if (!has_colors())
		return;
	start_color();
	for (i = 0; i < 64 && i + 1 < COLOR_PAIRS; i++)
		init_pair((short)(i + 1), colours[i & 7], colours[i >> 3]);
}

static void draw_cell(int x, int y, uint16_t cell)
{
	unsigned int attr = cell >> 8;
	short pair = (short)((attr >> 4 & 7) * 8 + (attr & 7) + 1);
	wchar_t text[2] = { letter((uint8_t)cell), 0 };
	attr_t how = A_NORMAL;
	cchar_t c;

	if (attr & 0x08)
		how |= A_BOLD;
	if (attr & 0x80)
		how |= A_BLINK;
	if (!has_colors() && (attr & 0x70))
		how |= A_REVERSE;
	setcchar(&c, text, how, has_colors() ? pair : 0, NULL);
	mvadd_wch(y, x, &c);
}

static void draw(bool help)
{
	unsigned int x, y;

	erase();
	for (y = 0; columns && y < rows && y < (unsigned int)LINES; y++)
		for (x = 0; x < columns && x < (unsigned int)COLS; x++)
			draw_cell((int)x, (int)y, cells[y * columns + x]);
	if (!columns)
		mvprintw(LINES / 2, COLS > 30 ? (COLS - 30) / 2 : 0,
			 "%ux%u graphic mode", width, height);
	if (help)
		mvprintw(LINES - 1, 0, "Ctrl-A x: end anykvm and the guest; Ctrl-A Ctrl-A: a Ctrl-A");
	if (columns && cursor_x >= 0 && cursor_y >= 0 && cursor_x < COLS && cursor_y < LINES) {
		curs_set(cursor_block ? 2 : 1);
		move(cursor_y, cursor_x);
	} else {
		curs_set(0);
	}
	pthread_mutex_lock(&drawing);
	refresh();
	pthread_mutex_unlock(&drawing);
}

/* --- keys --- */

enum { SHIFT = 1, CTRL = 2, ALT = 4 };

/* By the monitor's names of keys. */
static const struct { int key; const char *name; unsigned int with; } special[] = {
	{ KEY_UP, "up", 0 }, { KEY_DOWN, "down", 0 }, { KEY_LEFT, "left", 0 },
	{ KEY_RIGHT, "right", 0 }, { KEY_HOME, "home", 0 }, { KEY_END, "end", 0 },
	{ KEY_PPAGE, "pgup", 0 }, { KEY_NPAGE, "pgdn", 0 }, { KEY_IC, "insert", 0 },
	{ KEY_DC, "delete", 0 }, { KEY_BACKSPACE, "backspace", 0 }, { KEY_ENTER, "ret", 0 },
	{ KEY_BTAB, "tab", SHIFT }, { KEY_SLEFT, "left", SHIFT }, { KEY_SRIGHT, "right", SHIFT },
	{ KEY_SR, "up", SHIFT }, { KEY_SF, "down", SHIFT }, { KEY_SHOME, "home", SHIFT },
	{ KEY_SEND, "end", SHIFT }, { KEY_SDC, "delete", SHIFT }, { KEY_SIC, "insert", SHIFT },
	{ KEY_SPREVIOUS, "pgup", SHIFT }, { KEY_SNEXT, "pgdn", SHIFT }, { KEY_B2, "kp_5", 0 },
};

/* Control characters that keys of their own make. */
static const struct { wint_t c; const char *name; } control[] = {
	{ 8, "backspace" }, { 9, "tab" }, { 10, "ret" }, { 13, "ret" }, { 27, "esc" },
	{ 127, "backspace" },
};

static void tap(unsigned int code, unsigned int with)
{
	static const char *const names[] = { "shift", "ctrl", "alt" };
	unsigned int i;

	if (!code)
		return;
	machine_lock();
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (with & 1u << i)
			input_press(input_key_by_name(names[i]), true);
	input_press(code, true);
	input_press(code, false);
	for (i = ARRAY_SIZE(names); i-- > 0;)
		if (with & 1u << i)
			input_press(input_key_by_name(names[i]), false);
	machine_unlock();
}

static void special_key(int key, unsigned int with)
{
	char name[8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(special); i++)
		if (special[i].key == key) {
			tap(input_key_by_name(special[i].name), special[i].with | with);
			return;
		}
	/* F13 to F24 are Shift and F1 to F12. */
	if (key > KEY_F0 && key <= KEY_F(24)) {
		snprintf(name, sizeof(name), "f%d", (key - KEY_F0 - 1) % 12 + 1);
		tap(input_key_by_name(name), with | (key > KEY_F(12) ? SHIFT : 0));
	}
}

static void letter_key(wint_t c, unsigned int with)
{
	unsigned int i, code;
	bool shift = false;

	for (i = 0; i < ARRAY_SIZE(control); i++)
		if (control[i].c == c) {
			tap(input_key_by_name(control[i].name), with);
			return;
		}
	if (c < 0x20) {
		c = c ? c + 0x40 : ' ';
		with |= CTRL;
		if (c >= 'A' && c <= 'Z')
			c += 0x20;
	}
	code = input_key_by_keysym(c, &shift);
	/* With Caps Lock on, the guest itself turns letters round. */
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z' && (input_leds() & 4))
		shift = !shift;
	tap(code, with | (shift ? SHIFT : 0));
}

/* The user's own key after Ctrl-A. Whether it asked for help. */
static bool escape_key(int what, wint_t c)
{
	if (what != OK)
		return false;
	if (c == CTRL_A) {
		letter_key(c, 0);
	} else if (c == 'x' && chardev_quit) {
		machine_lock();
		chardev_quit();
		machine_unlock();
	}
	return c == 'h';
}

/* Returns whether the help line is wanted. */
static bool read_keys(bool help)
{
	static const struct timespec gap = { .tv_nsec = KEY_GAP };
	static bool escaped;
	unsigned int n;
	wint_t c, next;
	int what;

	/* What never ends must not keep the screen from being drawn. */
	for (n = 0; n < 64 && (what = get_wch(&c)) != ERR; n++) {
		unsigned int with = 0;

		help = false;
		if (escaped) {
			escaped = false;
			help = escape_key(what, c);
			continue;
		}
		if (what == OK && c == CTRL_A) {
			escaped = true;
			continue;
		}
		/* Escape with something right behind it is Alt with that. */
		if (what == OK && c == 27 && (what = get_wch(&next)) != ERR) {
			with = ALT;
			c = next;
		} else if (what == ERR) {
			what = OK;
		}
		if (what == KEY_CODE_YES)
			special_key((int)c, with);
		else
			letter_key(c, with);
		nanosleep(&gap, NULL);
	}
	return help;
}

/* --- the thread --- */

static void check_size(void)
{
	struct winsize w;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_row && w.ws_col &&
	    (w.ws_row != LINES || w.ws_col != COLS))
		resizeterm(w.ws_row, w.ws_col);
}

static void *run(void *arg)
{
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
			       { .fd = wake_fd, .events = POLLIN } };
	bool help = false;
	uint64_t count;

	(void)arg;
	for (;;) {
		check_size();
		copy_screen();
		draw(help);
		if (poll(p, 2, SIZE_CHECK) < 0 && errno != EINTR)
			return NULL;
		/* The terminal has gone: the guest goes on, as with any viewer. */
		if (p[0].revents & (POLLHUP | POLLERR | POLLNVAL))
			p[0].fd = -1;
		while (read(wake_fd, &count, sizeof(count)) > 0)
			;
		help = read_keys(help);
	}
}

/* --- coming and going --- */

static void say_goodbye(void)
{
	ssize_t n = write(STDOUT_FILENO, goodbye, strlen(goodbye));

	(void)n;
	term_restore();
}

static void end(void)
{
	struct timespec until;

	/* What is being drawn would follow the goodbye; a terminal that stalls is not waited for. */
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	pthread_mutex_timedlock(&drawing, &until);
	say_goodbye();
}

/* What undoes ncurses's doings: colours, pointer, keypad, the other screen. */
static void make_goodbye(void)
{
	static const char *const names[] = { "sgr0", "op", "cnorm", "rmkx", "rmcup" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		const char *word = tigetstr(names[i]);

		if (word && word != (char *)-1 && strlen(goodbye) + strlen(word) < sizeof(goodbye))
			strcat(goodbye, word);
	}
}

void curses_ask(void)
{
	asked = true;
	chardev_claim_stdio("-display curses");
}

void curses_open(void)
{
	if (!asked)
		return;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		die("-display curses: standard input and output must be a terminal");
}

static void begin_terminal(void)
{
	setlocale(LC_CTYPE, "");
	utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	term_raw(STDIN_FILENO);
	if (!newterm(NULL, stdout, stdin))
		die("-display curses: the terminal '%s' is not known; TERM= says which it is",
		    getenv("TERM") ? getenv("TERM") : "");
	make_goodbye();
	at_end(end);
	at_crash(say_goodbye);
	raw();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	make_pairs();
}

void curses_start(void)
{
	if (!asked)
		return;
	display = display_first();
	if (!display)
		die("-display curses: the machine has no screen; -vga std gives it one");
	wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wake_fd < 0)
		die("-display curses: %s", strerror(errno));
	surface = display_look(display);
	viewer = (struct display_viewer){
		.resized = on_resized, .changed = on_changed, .looking = true,
	};
	display_attach(display, &viewer);
	begin_terminal();
	if (!thread_start("curses", 0, run))
		die("-display curses: no thread for it");
}
