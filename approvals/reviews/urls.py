"""Addresses of access reviews."""

from django.urls import include, path

from approvals.reviews.views import answering, changing, leading, planning, results

#: where those who are asked work on one run
answering_pages = [
    path("", answering.review_work, name="review_work"),
    path("several/", answering.answer_several, name="answer_several"),
    path("follow/", answering.follow_recommendations, name="follow_recommendations"),
    path("<int:item>/", answering.answer_item, name="answer_item"),
    path("<int:item>/take-back/", answering.take_back_answer, name="take_back_answer"),
]
urlpatterns = [
    path("", planning.reviews, name="reviews"),
    path("new/", planning.new_review, name="new_review"),
    path("series/<int:pk>/", planning.review_series, name="review_series"),
    path("series/<int:pk>/delete/", planning.delete_review_series, name="delete_review_series"),
    path("series/<int:pk>/hand-over/", changing.hand_over_review, name="hand_over_review"),
    path("mine/", answering.to_review, name="to_review"),
    path("history/", results.review_history, name="review_history"),
    path("<int:pk>/", leading.review, name="review"),
    path("<int:pk>/progress/", leading.review_progress, name="review_progress"),
    path("<int:pk>/change/", changing.change_review, name="change_review"),
    path("<int:pk>/remind/", leading.remind_review, name="remind_review"),
    path("<int:pk>/next-stage/", leading.next_review_stage, name="next_review_stage"),
    path("<int:pk>/stop/", leading.stop_review, name="stop_review"),
    path("<int:pk>/reset/", leading.reset_review, name="reset_review"),
    path("<int:pk>/carry-out/", leading.release_review, name="release_review"),
    path("<int:pk>/try-again/", leading.try_review_again, name="try_review_again"),
    path("<int:pk>/work/", include(answering_pages)),
    path("<int:pk>/results/", results.review_results, name="review_results"),
    path("<int:pk>/results.csv", results.download_review, name="download_review"),
    path("<int:pk>/report/", results.review_report, name="review_report"),
]
