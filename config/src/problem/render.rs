//! Problems as text, with the lines of the file that they speak of.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Problem, Problems};

/// Of the text.
#[derive(Clone, Copy)]
pub(super) enum Style {
    Plain,
    Coloured,
}

/// All of them, an empty line between two.
pub(super) fn all(problems: &Problems, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let texts: Vec<String> = problems
        .iter()
        .map(|problem| renderer.render(&[group(problem, problems)]))
        .collect();
    texts.join("\n\n")
}

fn group<'a>(problem: &'a Problem, problems: &'a Problems) -> Group<'a> {
    let path = problem.path();
    let title = match path.as_str() {
        "" => problem.message().to_owned(),
        path => format!("{path}: {}", problem.message()),
    };
    let (title, snippet) = match &problem.span {
        Some(span) => (title, Some(snippet(problem, span, problems))),
        None => (format!("{}: {title}", problems.file), None),
    };
    let hint = problem.hint();
    // Without lines to mark, the cause stands apart.
    let cause = problem.cause().filter(|_| snippet.is_none());
    Group::with_title(Level::ERROR.primary_title(title))
        .elements(snippet)
        .elements(cause.map(|cause| Level::NOTE.with_name("cause").message(cause)))
        .elements(hint.map(|hint| Level::HELP.with_name("hint").message(hint)))
}

/// Only the lines that are spoken of go to the renderer: it walks through all that it is given.
fn snippet<'a>(
    problem: &'a Problem,
    span: &Range<usize>,
    problems: &'a Problems,
) -> Snippet<'a, Annotation<'a>> {
    let text = &*problems.text;
    let also = problem.also.as_ref();
    let first = also.map_or(span.start, |(also, _)| also.start.min(span.start));
    let last = also.map_or(span.start, |(also, _)| also.start.max(span.start));
    let start = text[..first].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[last..].find('\n').map_or(text.len(), |at| last + at);
    let mark = |kind: AnnotationKind, span: &Range<usize>| {
        let marked = first_line(&text[span.clone()]);
        let from = span.start - start;
        kind.span(from..from + marked.len())
    };
    Snippet::source(&text[start..end])
        .line_start(problem.line - text[start..span.start].matches('\n').count())
        .path(&*problems.file)
        .annotation(mark(AnnotationKind::Primary, span).label(problem.cause()))
        .annotations(also.map(|(span, label)| mark(AnnotationKind::Context, span).label(label)))
}

/// A value of many lines is shown by its first.
fn first_line(marked: &str) -> &str {
    marked.lines().next().unwrap_or_default().trim_end()
}
