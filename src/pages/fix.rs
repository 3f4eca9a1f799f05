//! A remedy as HTML: prose, and one line to copy for each command.

use maud::{Markup, html};

use crate::catalogue::{Remedy, Step};
use crate::pages::text::prose;

/// Renders a remedy.
pub(super) fn fix(remedy: &Remedy) -> Markup {
    html! {
        div.fix {
            @for step in remedy.steps() {
                @match step {
                    Step::Prose(text) => p { (prose(text)) },
                    Step::Command(text) => (command(text)),
                }
            }
        }
    }
}

/// Renders a command that is never wrapped; a long one scrolls.
pub(super) fn command(text: &str) -> Markup {
    html! {
        div.command {
            pre tabindex="0" { code { (text) } }
            button.copy type="button" { "Copy" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::RemedyValues;

    #[test]
    fn prose_and_commands_alternate() {
        let text = "Read `A`:\n$ kubectl logs <x>\n$ kubectl get pod\nWait.";
        let remedy = Remedy::new(text, &RemedyValues::default());
        let command = |text: &str| {
            format!(
                "<div class=\"command\"><pre tabindex=\"0\"><code>{text}</code></pre>\
                 <button class=\"copy\" type=\"button\">Copy</button></div>"
            )
        };
        let expected = format!(
            "<div class=\"fix\"><p>Read <code>A</code>:</p>{}{}<p>Wait.</p></div>",
            command("kubectl logs &lt;x&gt;"),
            command("kubectl get pod"),
        );
        assert_eq!(fix(&remedy).into_string(), expected);
    }
}
