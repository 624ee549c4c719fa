/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * format.c - the format of a workbook's sheets: what stays in sight, what is
 * printed on each page, bands, filters, charts.
 *
 * Excel's own kind of table cannot be used: libxlsxwriter 1.1.4 makes none in
 * constant memory (worksheet_add_table says LXW_ERROR_FEATURE_NOT_SUPPORTED).
 * Headings, a filter and bands by a rule take its place.
 */
#include "book_in.h"

void
rd_book_width(struct rd_book *b, unsigned col, double chars)
{
	if (rd_book_ready(b))
		rd_book_check(b, worksheet_set_column(b->sheet, (lxw_col_t)col, (lxw_col_t)col, chars, NULL));
}

void
rd_book_head(struct rd_book *b, unsigned row, unsigned n_columns, unsigned last_row)
{
	char rule[] = "=MOD(ROW(),2)=0"; /* the library takes a copy */
	lxw_conditional_format every_other = {.type = LXW_CONDITIONAL_TYPE_FORMULA, .value_string = rule};

	if (!rd_book_ready(b))
		return;
	worksheet_freeze_panes(b->sheet, row + 1, 1);
	rd_book_check(b, worksheet_repeat_rows(b->sheet, row, row));
	if (last_row <= row)
		return;
	rd_book_check(b, worksheet_autofilter(b->sheet, row, 0, last_row, (lxw_col_t)(n_columns - 1)));
	if (b->band == NULL && (b->band = workbook_add_format(b->book)) == NULL) {
		rd_book_fail(b, OM_NOMEM, "out of memory");
		return;
	}
	/* a rule, not a fill: it stays right when rows are sorted */
	format_set_bg_color(b->band, BAND);
	every_other.format = b->band;
	rd_book_check(b,
	    worksheet_conditional_format_range(
		b->sheet, row + 1, 0, last_row, (lxw_col_t)(n_columns - 1), &every_other));
}

/* dress_chart sets colours and fonts, the same for both kinds of chart. */
static void
dress_chart(lxw_chart *chart, lxw_chart_series *series, const char *title, lxw_chart_axis *amounts)
{
	lxw_chart_fill fill = {.color = ACCENT};
	lxw_chart_line grid = {.color = HAIR, .width = 0.5f};
	lxw_chart_font small = {.size = 8, .color = GREY};
	lxw_chart_font head = {.size = 11, .bold = LXW_TRUE};

	chart_series_set_name(series, title);
	chart_series_set_fill(series, &fill);
	chart_set_series_gap(chart, 60);
	chart_title_set_name(chart, title);
	chart_title_set_name_font(chart, &head);
	chart_legend_set_position(chart, LXW_CHART_LEGEND_NONE);
	chart_axis_set_num_font(chart->x_axis, &small);
	chart_axis_set_num_font(chart->y_axis, &small);
	chart_axis_set_num_format(amounts, "0.00####");
	chart_axis_set_min(amounts, 0); /* a bar is as long as its amount */
	chart_axis_major_gridlines_set_line(amounts, &grid);
}

void
rd_book_chart(struct rd_book *b, unsigned row, const struct rd_book_chart *c)
{
	lxw_chart_options place = {.x_scale = 1.7, .y_scale = c->across ? 1.3 : 1.0};
	lxw_chart_series *series;
	lxw_chart *chart;

	if (b->status != OM_OK || b->first == NULL)
		return;
	chart = workbook_add_chart(b->book, c->across ? LXW_CHART_BAR : LXW_CHART_COLUMN);
	series = chart != NULL ? chart_add_series(chart, NULL, NULL) : NULL;
	if (series == NULL) {
		rd_book_fail(b, OM_NOMEM, "out of memory");
		return;
	}
	chart_series_set_categories(series, c->sheet, c->first_row, 0, c->last_row, 0);
	chart_series_set_values(
	    series, c->sheet, c->first_row, (lxw_col_t)c->column, c->last_row, (lxw_col_t)c->column);
	/* of a bar chart, the library's x axis lies too: the names are on its y axis */
	dress_chart(chart, series, c->title, c->across ? chart->x_axis : chart->y_axis);
	if (c->across) {
		chart_axis_set_reverse(chart->y_axis); /* the first row is at the top ... */
		chart_axis_set_label_position(
		    chart->x_axis, LXW_CHART_AXIS_LABEL_POSITION_HIGH); /* ... the amounts below */
		chart_axis_major_gridlines_set_visible(chart->y_axis, LXW_FALSE);
	} else {
		chart_axis_set_num_format(chart->x_axis, "d");
	}
	rd_book_check(b, worksheet_insert_chart_opt(b->first, row, 0, chart, &place));
}
