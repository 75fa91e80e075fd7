/* The roofline of a profile (Williams, Waterman, Patterson 2009) as an SVG picture. */
#include <math.h>

#include "driver/profile.h"

enum { WIDTH = 960, HEIGHT = 600, LEFT = 80, RIGHT = 930, TOP = 70, BOTTOM = 530, NAMED = 8 };

static const char *const colours[LIMIT_COUNT + 1] = {"#c0392b", "#e67e22", "#8e44ad", "#2471a3",
                                                     "#148f77", "#b9770e", "#7f8c8d"};

/* Powers of ten at the edges. */
typedef struct Axes {
    double left, right, bottom, top;
} Axes;

static double across(const Axes *a, double intensity) {
    double at = intensity > 0 ? log10(intensity) : a->left;
    at = at < a->left ? a->left : at > a->right ? a->right : at;
    return LEFT + (at - a->left) / (a->right - a->left) * (RIGHT - LEFT);
}

static double up(const Axes *a, double gflops) {
    double at = gflops > 0 ? log10(gflops) : a->bottom;
    at = at < a->bottom ? a->bottom : at > a->top ? a->top : at;
    return BOTTOM - (at - a->bottom) / (a->top - a->bottom) * (BOTTOM - TOP);
}

static double intensity_of(const ProfileRow *row) {
    return row->bytes > 0 ? row->flops / row->bytes : 0;
}

static double gflops_of(const ProfileRow *row) {
    return row->seconds > 0 ? 1e-9 * row->flops / row->seconds : 0;
}

static Axes choose_axes(const Profile *p) {
    double least_x = 0.1, most_x = 100, least_y = 1, most_y = 1e-9 * p->limits.rate[LIMIT_FMA];
    if (most_y < 10) most_y = 10;
    for (size_t i = 0; i < p->count; i++) {
        double x = intensity_of(&p->rows[i]), y = gflops_of(&p->rows[i]);
        if (x > 0 && x < least_x) least_x = x;
        if (x > most_x) most_x = x;
        if (y > 0.001 && y < least_y) least_y = y;
        if (y > most_y) most_y = y;
    }
    return (Axes){floor(log10(least_x)), ceil(log10(most_x)), floor(log10(least_y)),
                  ceil(log10(most_y * 1.2))};
}

static void escape(StrBuf *out, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '<': str_append(out, "&lt;"); break;
        case '>': str_append(out, "&gt;"); break;
        case '&': str_append(out, "&amp;"); break;
        case '"': str_append(out, "&quot;"); break;
        default: str_putc(out, *text);
        }
    }
}

static void line(StrBuf *out, double x0, double y0, double x1, double y1, const char *style) {
    str_printf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x0, y0, x1, y1,
               style);
}

static void draw_grid(StrBuf *out, const Axes *a) {
    static const char grid[] = "stroke=\"#e5e8e8\"";
    for (double e = a->left; e <= a->right; e++) {
        double x = across(a, pow(10, e));
        line(out, x, TOP, x, BOTTOM, grid);
        str_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", x,
                   BOTTOM + 20, pow(10, e));
    }
    for (double e = a->bottom; e <= a->top; e++) {
        double y = up(a, pow(10, e));
        line(out, LEFT, y, RIGHT, y, grid);
        str_printf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", LEFT - 8,
                   y + 4, pow(10, e));
    }
    str_printf(
        out,
        "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">operations per byte of least traffic "
        "(FLOP/B)</text>\n",
        (LEFT + RIGHT) / 2, BOTTOM + 46);
    str_printf(out,
               "<text x=\"24\" y=\"%d\" text-anchor=\"middle\" transform=\"rotate(-90 24 %d)\">"
               "performance (GFLOP/s)</text>\n",
               (TOP + BOTTOM) / 2, (TOP + BOTTOM) / 2);
}

/* From the frame's edge up to the multiply-add limit. */
static void draw_slope(StrBuf *out, const Axes *a, int kind, double rate, double peak) {
    double from = pow(10, a->left), to = peak / rate;
    if (from * rate < pow(10, a->bottom)) from = pow(10, a->bottom) / rate;
    if (to > pow(10, a->right)) to = pow(10, a->right);
    if (to <= from) return;
    str_printf(out,
               "<line class=\"roof\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
               "stroke-width=\"2\"/>\n",
               across(a, from), up(a, from * rate), across(a, to), up(a, to * rate), colours[kind]);
}

static void draw_ceiling(StrBuf *out, const Axes *a, LimitKind kind, double peak, double fastest) {
    double from = fastest > 0 ? across(a, peak / fastest) : LEFT, y = up(a, peak);
    str_printf(out,
               "<line class=\"roof\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"%s\" "
               "stroke-width=\"2\"/>\n",
               from, y, RIGHT, y, colours[kind]);
}

static void draw_roofs(StrBuf *out, const Axes *a, const Limits *limits) {
    double peak = 1e-9 * limits->rate[LIMIT_FMA], fastest = 0;
    double dots = 1e-9 * limits->rate[LIMIT_DOT], highest = dots > peak ? dots : peak;
    for (int kind = LIMIT_L1; kind < LIMIT_COUNT && peak > 0; kind++) {
        double rate = 1e-9 * limits->rate[kind];
        if (rate <= 0) continue;
        if (rate > fastest) fastest = rate;
        draw_slope(out, a, kind, rate, highest);
    }
    if (peak <= 0) return;
    draw_ceiling(out, a, LIMIT_FMA, peak, fastest);
    if (dots > 0) draw_ceiling(out, a, LIMIT_DOT, dots, fastest);
}

static void draw_legend(StrBuf *out, const Limits *limits) {
    int y = BOTTOM - 12;
    for (int kind = LIMIT_COUNT - 1; kind >= 0; kind--) {
        if (limits->rate[kind] <= 0) continue;
        str_printf(out,
                   "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"10\" fill=\"%s\"/>\n"
                   "<text x=\"%d\" y=\"%d\">%s, %.1f %s</text>\n",
                   RIGHT - 205, y - 9, colours[kind], RIGHT - 185, y, limit_names[kind],
                   1e-9 * limits->rate[kind], limit_is_compute(kind) ? "GFLOP/s" : "GB/s");
        y -= 18;
    }
    str_printf(out, "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">held to</text>\n", RIGHT - 205,
               y);
}

static void draw_dot(StrBuf *out, const Axes *a, const ProfileRow *row, double sum) {
    double share = sum > 0 ? row->seconds / sum : 0;
    const char *path = row->call->path ? row->call->path : "";
    str_printf(out,
               "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\" fill-opacity=\"0.55\" "
               "stroke=\"%s\"><title>",
               across(a, intensity_of(row)), up(a, gflops_of(row)), 3 + 30 * sqrt(share),
               colours[row->limit], colours[row->limit]);
    escape(out, path);
    str_append(out, " ");
    escape(out, row->call->kernel->name);
    str_printf(out, ": %.4f ms, %.1f %%</title></circle>\n", 1e3 * row->seconds, 100 * share);
}

/* Names of the largest, each moved down until it stands free of those before. */
static void draw_names(StrBuf *out, const Axes *a, const ProfileRow *rows, size_t count) {
    double placed[NAMED][2];
    for (size_t i = 0; i < count && i < NAMED; i++) {
        double x = across(a, intensity_of(&rows[i])), y = up(a, gflops_of(&rows[i])) + 4;
        const char *path = rows[i].call->path;
        for (size_t k = 0; k < i; k++) {
            if (fabs(placed[k][0] - x) < 170 && fabs(placed[k][1] - y) < 13) {
                y = placed[k][1] + 13;
                k = (size_t)-1; /* from the first again: it may meet another now */
            }
        }
        placed[i][0] = x;
        placed[i][1] = y;
        bool left = x > RIGHT - 220;
        str_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"11\">",
                   left ? x - 10 : x + 10, y, left ? "end" : "start");
        escape(out, path && *path ? path : rows[i].call->kernel->name);
        str_append(out, "</text>\n");
    }
}

void profile_plot(const Profile *p, Arena *arena, StrBuf *out) {
    Axes axes = choose_axes(p);
    const ProfileRow *rows = profile_sorted(p, true, arena);
    str_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 "
               "%d %d\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#17202a\">\n"
               "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n"
               "<text x=\"%d\" y=\"32\" font-size=\"18\" font-weight=\"bold\">",
               WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT, LEFT);
    escape(out, p->network->name);
    str_append(out, " on ");
    escape(out, p->network->target);
    str_printf(out,
               ", %lld thread%s</text>\n"
               "<text x=\"%d\" y=\"52\" fill=\"#566573\">a dot for each kernel, its area the share "
               "of the time: %.4f ms in all</text>\n",
               (long long)p->threads, p->threads == 1 ? "" : "s", LEFT, 1e3 * p->sum);
    draw_grid(out, &axes);
    draw_roofs(out, &axes, &p->limits);
    for (size_t i = 0; i < p->count; i++) draw_dot(out, &axes, &rows[i], p->sum);
    draw_names(out, &axes, rows, p->count);
    draw_legend(out, &p->limits);
    str_printf(out,
               "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
               "stroke=\"#808b96\"/>\n</svg>\n",
               LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP);
}
