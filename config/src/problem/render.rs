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
    let title = match &problem.span {
        Some(_) => title,
        None => format!("{}: {title}", problems.file),
    };
    let here = snippet(problem, problems);
    let hint = problem.hint();
    // Without lines to mark, the cause stands apart.
    let cause = problem.cause().filter(|_| here.is_none());
    Group::with_title(Level::ERROR.primary_title(title))
        .elements(here)
        .elements(elsewhere(problem))
        .elements(cause.map(|cause| Level::NOTE.with_name("cause").message(cause)))
        .elements(hint.map(|hint| Level::HELP.with_name("hint").message(hint)))
}

/// The place in the file itself, with the other one if it is in there too.
fn snippet<'a>(
    problem: &'a Problem,
    problems: &'a Problems,
) -> Option<Snippet<'a, Annotation<'a>>> {
    let span = problem.span.as_ref()?;
    let also = problem
        .also
        .as_ref()
        .filter(|also| also.elsewhere.is_none());
    let mut marks = vec![(AnnotationKind::Primary, span, problem.cause())];
    marks.extend(also.map(|also| (AnnotationKind::Context, &also.span, Some(&*also.label))));
    Some(lines(&problems.file, &problems.text, &marks))
}

/// The other place, if it is in another file.
fn elsewhere(problem: &Problem) -> Option<Snippet<'_, Annotation<'_>>> {
    let also = problem.also.as_ref()?;
    let source = also.elsewhere.as_ref()?;
    let mark = (AnnotationKind::Context, &also.span, Some(&*also.label));
    Some(lines(&source.file, &source.text, &[mark]))
}

/// What is marked, how, and with which words.
type Mark<'a> = (AnnotationKind, &'a Range<usize>, Option<&'a str>);

/// Only the lines that are spoken of go to the renderer: it walks through all that it is given.
fn lines<'a>(file: &'a str, text: &'a str, marks: &[Mark<'a>]) -> Snippet<'a, Annotation<'a>> {
    let starts = marks.iter().map(|(_, span, _)| span.start);
    let first = starts.clone().min().unwrap_or(0);
    let last = starts.max().unwrap_or(0);
    let start = text[..first].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[last..].find('\n').map_or(text.len(), |at| last + at);
    let marks = marks.iter().map(|(kind, span, label)| {
        let marked = first_line(&text[(*span).clone()]);
        let from = span.start - start;
        kind.span(from..from + marked.len()).label(*label)
    });
    Snippet::source(&text[start..end])
        .line_start(text[..start].matches('\n').count() + 1)
        .path(file)
        .annotations(marks)
}

/// A value of many lines is shown by its first.
fn first_line(marked: &str) -> &str {
    marked.lines().next().unwrap_or_default().trim_end()
}
